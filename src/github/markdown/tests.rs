//! Whatever is written is read back as it was, and nothing that was slipped in takes effect.

use super::testing::{self, HOSTILE};
use super::*;
use proptest::prelude::*;

#[test]
fn plain_text_stays_as_it_is() {
    for plain in [
        "make_corpus.sh",
        "9.0s",
        "results/v1.2/a-b.csv",
        "exit status 1: killed (9), 12:30 = 50%",
        "naïve 日本語 👩‍🔬",
    ] {
        assert_eq!(text(plain), plain);
    }
}

#[test]
fn what_github_looks_for_is_cut_in_two() {
    for (hostile, safe) in [
        ("ask @octocat", "ask @<!-- -->octocat"),
        ("fixes o/r#12", "fixes o/r#<!-- -->12"),
        ("GH-12", "GH-<!-- -->12"),
        ("a :tada: b", "a :<!-- -->tada: b"),
        ("a:tada", "a:<!-- -->tada"),
        ("https://a.example", "https:<!-- -->//a.example"),
        ("www.a.example", "www<!-- -->.a.example"),
        ("at c0ffee12", "at c0ffee<!-- -->12"),
        ("me@a.example", "me@<!-- -->a.example"),
        ("$x$", "<span>&#36;</span>x<span>&#36;</span>"),
    ] {
        assert_eq!(text(hostile), safe);
    }
}

#[test]
fn what_would_begin_a_block_is_text() {
    for start in [
        "+ a", "- a", "* a", "1. a", "12) a", "1.", "# a", "#", "> a", "===", "---", "~~~", "```",
        "| a |", ":-:", "    a", "[a]: b", "- [ ] a", "<div>", "<!-- a", "<?a",
    ] {
        assert_eq!(testing::paragraph(&text(start)).concat(), start.trim());
        let item = format!("- {}", text(start));
        assert_eq!(testing::paragraph(&item).concat(), start.trim());
    }
}

#[test]
fn terminal_sequences_are_removed_and_overwritten_lines_too() {
    let output = "\x1b[1;31mred\x1b[0m \x1b]8;;https://a.example\x1b\\here\x1b]8;;\x07 \x1b(B\u{202e}x\n\
                  10%\r50%\r100%\r\n\x1b]unfinished\nlast\0\n\n";
    assert_eq!(fenced(output), "```text\nred here x\n100%\n\nlast\n```\n");
}

#[test]
fn the_code_in_a_hint_is_code() {
    assert_eq!(
        prose("add `id-token: write` to the job's `permissions:`; or @me"),
        "add <code>id-token: write</code> to the job's <code>permissions:</code>; or @<!-- -->me"
    );
    assert_eq!(prose("a ` b"), text("a ` b"));
    assert_eq!(prose("`a` `b`"), "<code>a</code> <code>b</code>");
}

#[test]
fn a_span_holds_backticks() {
    assert_eq!(span("i-0123456789abcdef0"), "`i-0123456789abcdef0`");
    assert_eq!(span("a ``b`` `"), "``` a ``b`` ` ```");
    assert_eq!(span("\n"), "");
}

#[test]
fn only_the_web_is_linked() {
    assert_eq!(
        link("run [1]", "https://a.example/x?a=1&b=(2)#c:d"),
        "[run &#91;1&#93;](https://a.example/x?a=1&amp;b=%282%29#c:d)"
    );
    for url in [
        "javascript:alert(1)",
        "//a.example",
        "file:///etc/passwd",
        "",
    ] {
        assert_eq!(link("x", url), "x");
    }
}

#[test]
fn what_does_not_fit_is_counted() {
    let items = ["first one", "second one", "third one"].map(str::to_owned);
    let whole = "- first one\n- second one\n- third one\n";
    let list = |lines, bytes| list(&items, "files", Budget { lines, bytes });
    assert_eq!(list(9, whole.len()), whole);
    let cut = "- first one\n\nand 2 more files\n";
    assert_eq!(list(9, whole.len() - 1), cut);
    assert_eq!(list(1, whole.len()), cut);
    assert_eq!(list(9, 20), "\nand 3 more files\n");
    assert_eq!(clipped("Größe", 3), "Grö…");
    assert_eq!(clipped("Größe", 5), "Größe");
}

proptest! {
    #[test]
    fn text_is_read_as_it_was_written(hostile in HOSTILE) {
        for paragraph in [text(&hostile), format!("- {}", text(&hostile))] {
            let read = testing::paragraph(&paragraph);
            prop_assert_eq!(read.concat(), one_line(&hostile));
            for stretch in &read {
                prop_assert!(!testing::is_reference(stretch), "{stretch:?}");
            }
        }
    }

    #[test]
    fn code_is_read_as_it_was_written(hostile in HOSTILE) {
        prop_assert_eq!(testing::paragraph(&code(&hostile)).concat(), one_line(&hostile));
    }

    #[test]
    fn a_span_is_read_as_it_was_written(hostile in HOSTILE) {
        let line = one_line(&hostile);
        prop_assert_eq!(testing::paragraph(&span(&hostile)).concat(), line);
    }

    #[test]
    fn no_prose_takes_effect(hostile in HOSTILE) {
        for stretch in testing::paragraph(&prose(&hostile)) {
            prop_assert!(!testing::is_reference(&stretch), "{stretch:?}");
        }
    }

    #[test]
    fn a_table_keeps_its_rows_and_cells(cells in prop::array::uniform6(HOSTILE)) {
        let [a, b, c, d, e, f] = &cells;
        let rows = [[text(a), code(b), text(c)], [code(d), text(e), link(f, "https://a.example/|")]];
        let read = testing::table(&table(&["a", "b", "c"], &rows, "rows", Budget { lines: 2, bytes: 100_000 }));
        prop_assert_eq!(read.len(), 3);
        let expected: Vec<Vec<String>> = cells.chunks(3)
            .map(|row| row.iter().map(|cell| one_line(cell)).collect())
            .collect();
        prop_assert_eq!(&read[1..], expected);
    }

    #[test]
    fn a_fence_is_closed_by_its_end_only(hostile in HOSTILE) {
        let block = details(&hostile, &fenced(&hostile));
        let (summary, code) = testing::details(&block);
        prop_assert_eq!(summary, one_line(&hostile));
        prop_assert!(!code.contains(|c: char| c.is_control() && !c.is_whitespace()));
    }

    #[test]
    fn a_link_leads_where_it_says(label in HOSTILE, path in HOSTILE) {
        let url = format!("https://a.example/{path}");
        let target = testing::link(&link(&label, &url));
        prop_assert!(target.starts_with("https://a.example/"));
        prop_assert!(target.is_ascii() && !target.contains(char::is_whitespace));
    }

    #[test]
    fn nothing_exceeds_its_bounds(lines in prop::collection::vec("[a-z]{0,40}", 0..30), most in 30_usize..600) {
        let budget = Budget { lines: 20, bytes: most };
        prop_assert!(list(&lines, "files", budget).len() <= most);
    }
}
