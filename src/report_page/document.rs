//! The frame of the page: its head, its landmarks, and everything that it needs, in the file itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, PreEscaped, html};
use sha2::{Digest as _, Sha256};

/// The chart library, with its licence in front.
const CHARTS: &str = concat!(
    "/*!\n",
    include_str!("vendor/uplot/LICENSE"),
    "\n*/\n",
    include_str!("vendor/uplot/uPlot.iife.min.js")
);

/// The page's own script.
const SCRIPT: &str = concat!(
    "\"use strict\";\n",
    include_str!("assets/elements.js"),
    include_str!("assets/numbers.js"),
    include_str!("assets/unpack.js"),
    include_str!("assets/drawing.js"),
    include_str!("assets/answers.js"),
    include_str!("assets/values.js"),
    include_str!("assets/history.js"),
    include_str!("assets/timeline.js"),
    include_str!("assets/metrics.js"),
    include_str!("assets/hosts.js"),
    include_str!("assets/logs.js"),
    include_str!("assets/runs.js"),
    include_str!("assets/start.js"),
);

const STYLE: &str = concat!(
    include_str!("vendor/uplot/uPlot.min.css"),
    "\n",
    include_str!("assets/page.css")
);

/// The sections, by their ids.
const SECTIONS: [(&str, &str); 9] = [
    ("answer", "Answer"),
    ("values", "Values"),
    ("history", "History"),
    ("timeline", "Time line"),
    ("metrics", "Metrics"),
    ("hosts", "Hosts"),
    ("logs", "Logs"),
    ("files", "Files"),
    ("plan", "Plan and reproduction"),
];

/// The page. The content is JSON; the sentences are for those whose browser runs no script.
pub(super) fn document(title: &str, sentences: &[String], content: &str) -> String {
    let policy = format!(
        "default-src 'none'; script-src '{}' '{}'; style-src '{}'; img-src data:; base-uri 'none'; form-action 'none'",
        hash(CHARTS),
        hash(SCRIPT),
        hash(STYLE)
    );
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (title) }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#answer" { "Skip to the answer" }
                header {
                    div.bar {
                        h1 { (title) }
                        button #theme type="button" { "Dark" }
                    }
                    p #made {}
                    div #outcome {}
                }
                nav aria-label="Sections" {
                    @for (id, name) in SECTIONS {
                        a href={ "#" (id) } { (name) }
                    }
                }
                main {
                    noscript {
                        @for sentence in sentences { p.sentence { (sentence) } }
                        p { "The rest of this page is drawn by its script, which needs no network." }
                    }
                    @for (id, name) in SECTIONS {
                        section id=(id) aria-labelledby={ "head-" (id) } {
                            h2 id={ "head-" (id) } { (name) }
                        }
                    }
                }
                footer {
                    p #colophon {}
                }
                script #content type="application/json" { (PreEscaped(inert(content))) }
                script { (PreEscaped(CHARTS)) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

/// JSON in which no tag begins and no comment: what a parser of HTML looks for in a script has a `<` in it.
fn inert(json: &str) -> String {
    json.replace('<', "\\u003c")
}

/// The source of a policy that allows this text.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}
