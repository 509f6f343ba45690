//! Reads Markdown as GitHub does, for the tests.

use comrak::nodes::{AstNode, NodeValue};
use comrak::{Arena, Options, parse_document};

/// Text in which the marks of Markdown, HTML and GitHub are much more frequent than in nature.
pub(in crate::github) const HOSTILE: &str = concat!(
    r"([ -~]|\PC|[\n\r\t\\`*_~<>|#@!:$&\[\]()-]|[\x1b\x00\u{7}\u{202e}\u{200b}\u{2028}]|[0-9a-f]{5,9}",
    r"|@octocat|#1|GH-1|:x:|www\.a\.b|[hH]ttps?://|mailto:|a@b\.de|<!--|-->|</details>|<b>|</summary>|\]\(|!\[",
    r"|&amp;|&#64;|&lt;|~~~|```|\$\$|\$`|`\$|\[\^1\]|\[x\]: |---|1\. |    |> \[!NOTE\]|\{#a\}){0,12}",
);

/// The HTML that is in a line.
const HARMLESS: [&str; 5] = ["<!-- -->", "<span>", "</span>", "<code>", "</code>"];

fn options() -> Options<'static> {
    let mut options = Options::default();
    let extension = &mut options.extension;
    extension.alerts = true;
    extension.autolink = true;
    extension.footnotes = true;
    extension.math_code = true;
    extension.math_dollars = true;
    extension.shortcodes = true;
    extension.strikethrough = true;
    extension.table = true;
    extension.tasklist = true;
    options.parse.relaxed_autolinks = true;
    options
}

fn read<T>(markdown: &str, reader: impl for<'a> FnOnce(Vec<&'a AstNode<'a>>) -> T) -> T {
    let arena = Arena::new();
    let document = parse_document(&arena, markdown, &options());
    reader(document.children().collect())
}

/// The stretches of text in an inline; anything but text and harmless HTML is refused.
fn stretches<'a>(parent: &'a AstNode<'a>) -> Vec<String> {
    let mut stretches = vec![String::new()];
    for node in parent.descendants().skip(1) {
        match &node.data.borrow().value {
            NodeValue::Text(text) => stretches.last_mut().unwrap().push_str(text),
            NodeValue::Code(code) => {
                stretches.push(code.literal.clone());
                stretches.push(String::new());
            }
            NodeValue::HtmlInline(html) => {
                assert!(HARMLESS.contains(&html.as_str()), "{html}");
                stretches.push(String::new());
            }
            NodeValue::Link(link) => assert!(link.url.starts_with("https://a.example/")),
            other => panic!("{other:?}"),
        }
    }
    stretches
}

/// The stretches of text in a lone paragraph or the lone item of a list.
pub(in crate::github) fn paragraph(markdown: &str) -> Vec<String> {
    read(markdown, |blocks| {
        let mut blocks = blocks;
        let mut block = match blocks.as_slice() {
            [] => return Vec::new(),
            [block] => *block,
            _ => panic!("{markdown:?} is more than one block"),
        };
        while matches!(
            block.data.borrow().value,
            NodeValue::List(_) | NodeValue::Item(_)
        ) {
            blocks = block.children().collect();
            block = match blocks.as_slice() {
                [] => return Vec::new(),
                [block] => *block,
                _ => panic!("{markdown:?} is more than one block"),
            };
        }
        assert!(
            matches!(block.data.borrow().value, NodeValue::Paragraph),
            "{markdown:?}"
        );
        stretches(block)
    })
}

/// The text of every cell of a lone table.
pub(in crate::github) fn table(markdown: &str) -> Vec<Vec<String>> {
    read(markdown, |blocks| {
        let [table] = blocks.as_slice() else {
            panic!("{markdown:?} is more than one block");
        };
        assert!(
            matches!(table.data.borrow().value, NodeValue::Table(_)),
            "{markdown:?}"
        );
        table
            .children()
            .map(|row| {
                row.children()
                    .map(|cell| stretches(cell).concat())
                    .collect()
            })
            .collect()
    })
}

/// The summary of a lone part that folds, and the code that is all there is in it.
pub(in crate::github) fn details(markdown: &str) -> (String, String) {
    let (opening, code) = read(markdown, |blocks| {
        let [opening, code, closing] = blocks.as_slice() else {
            panic!("{markdown:?} does not have three blocks");
        };
        assert_eq!(html(closing), "</details>\n");
        let code = match &code.data.borrow().value {
            NodeValue::CodeBlock(code) => code.literal.clone(),
            other => panic!("{other:?}"),
        };
        (html(opening), code)
    });
    (paragraph(summary(&opening)).concat(), code)
}

fn summary(opening: &str) -> &str {
    opening
        .strip_prefix("<details>\n<summary>")
        .and_then(|rest| rest.strip_suffix("</summary>\n"))
        .unwrap_or_else(|| panic!("{opening:?}"))
}

fn html(block: &AstNode<'_>) -> String {
    match &block.data.borrow().value {
        NodeValue::HtmlBlock(html) => html.literal.clone(),
        other => panic!("{other:?}"),
    }
}

/// Where a lone link leads.
pub(in crate::github) fn link(markdown: &str) -> String {
    read(markdown, |blocks| {
        let links: Vec<String> = blocks
            .iter()
            .flat_map(|block| block.descendants())
            .filter_map(|node| match &node.data.borrow().value {
                NodeValue::Link(link) => Some(link.url.clone()),
                _ => None,
            })
            .collect();
        assert_eq!(links.len(), 1, "{markdown:?}");
        links.concat()
    })
}

/// Whether GitHub would find a mention, a reference, an emoji, a formula or an address in a stretch of text.
pub(in crate::github) fn is_reference(stretch: &str) -> bool {
    let text = stretch.to_ascii_lowercase();
    let goes_on = |mark: &str, with: fn(char) -> bool| {
        text.match_indices(mark)
            .any(|(at, _)| text[at + mark.len()..].starts_with(with))
    };
    let name = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_+-".contains(c))
    };
    let parts: Vec<&str> = text.split(':').collect();
    goes_on("@", |c| c.is_ascii_alphanumeric())
        || goes_on("#", |c| c.is_ascii_digit())
        || goes_on("gh-", |c| c.is_ascii_digit())
        || text.contains("://")
        || text.contains("www.")
        || text.len() > 1 && text.contains('$')
        || text
            .split(|c: char| !c.is_ascii_hexdigit())
            .any(|run| run.len() > 6)
        || parts.len() > 2 && parts[1..parts.len() - 1].iter().any(|part| name(part))
}

/// The text of every part of a page: headings, paragraphs, rows of tables, blocks of code and summaries of what
/// folds. Anything that is not collector's own way of writing is refused.
pub(in crate::github) fn page(markdown: &str) -> Vec<String> {
    read(markdown, |blocks| {
        let mut open = 0;
        let mut parts = Vec::new();
        for node in blocks.iter().flat_map(|block| block.descendants()) {
            match &node.data.borrow().value {
                NodeValue::Paragraph | NodeValue::Heading(_) | NodeValue::TableRow(_) => {
                    parts.push(String::new());
                }
                NodeValue::TableCell | NodeValue::SoftBreak => {
                    parts.last_mut().unwrap().push(' ');
                }
                NodeValue::CodeBlock(code) => parts.push(code.literal.clone()),
                NodeValue::Code(code) => parts.last_mut().unwrap().push_str(&code.literal),
                NodeValue::Text(text) => {
                    assert!(!is_reference(text), "{text:?}");
                    parts.last_mut().unwrap().push_str(text);
                }
                NodeValue::HtmlInline(html) if html == "<br>" => {
                    parts.last_mut().unwrap().push(' ');
                }
                NodeValue::HtmlInline(html) => assert!(HARMLESS.contains(&html.as_str()), "{html}"),
                NodeValue::HtmlBlock(html) if html.literal == "</details>\n" => open -= 1,
                NodeValue::HtmlBlock(html) if html.literal.starts_with("<!-- ") => {
                    assert_eq!(html.literal.find("-->"), html.literal.rfind("-->"));
                }
                NodeValue::HtmlBlock(html) => {
                    open += 1;
                    parts.push(paragraph(summary(&html.literal)).concat());
                }
                NodeValue::Link(link) => assert!(link.url.starts_with("https://"), "{}", link.url),
                NodeValue::Table(_)
                | NodeValue::List(_)
                | NodeValue::Item(_)
                | NodeValue::Strong
                | NodeValue::Alert(_) => {}
                other => panic!("{other:?} in {markdown}"),
            }
            assert!((0..=1).contains(&open), "{markdown}");
        }
        assert_eq!(open, 0, "{markdown}");
        let words = |part: String| part.split_whitespace().collect::<Vec<_>>().join(" ");
        parts.into_iter().map(words).collect()
    })
}

#[test]
fn references_are_recognised() {
    for text in [
        "@a",
        "x#1",
        "GH-1",
        "https://a",
        "www.a",
        "$a$",
        "c0ffee1",
        "a:b:c",
    ] {
        assert!(is_reference(text), "{text:?}");
    }
    assert!(!is_reference("a @ b # c: d, c0ffee $"[..20].trim()));
}
