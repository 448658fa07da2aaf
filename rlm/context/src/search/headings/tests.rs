//! Headings of several styles, and lines that are none.

use super::Headings;

fn paths(text: &str) -> Vec<String> {
    let mut headings = Headings::new(text, "", true);
    let mut found = Vec::new();
    let mut after_blank = true;
    let mut rest = text;
    while let Some((line, after)) = rest.split_once('\n') {
        if let Some(heading) = headings.see(line, after, after_blank) {
            found.push(heading.path);
        }
        after_blank = line.trim().is_empty();
        rest = after;
    }
    found
}

#[test]
fn comments_are_no_headings() {
    let block = "# Macau went over on 30 Oct 1904. Clocks were\n# advanced by 25 minutes.\n#\n";
    let rules = "Rule\tMacau\t1942\tonly\n";
    assert!(paths(&format!("{block}{rules}").repeat(3)).is_empty());
    let readme =
        "# Tool\n\n## Use\n```\n# one\n# two\n# three\n# four\n# five\n# six\n```\n## End\n";
    assert_eq!(paths(readme), ["Tool", "Tool > Use", "Tool > End"]);
    let empty = "## A\n## B\n## C\n## D\n";
    assert_eq!(paths(empty), ["A", "B", "C", "D"]);
}

#[test]
fn known_styles() {
    assert_eq!(
        paths("# A\n### B\n## C\nx\n# D\n"),
        ["A", "A > B", "A > C", "D"]
    );
    assert_eq!(
        paths("Top\n===\n\nPart\n----\nx\n\nEnd\n===\n"),
        ["Top", "Top > Part", "End"]
    );
    assert_eq!(paths("= Book\n\n== Chapter\n"), ["Book", "Book > Chapter"]);
    let licence = "GNU GENERAL PUBLIC LICENSE\n\n  4. Conveying Copies.\n\nYou may.\n\n\
                   \x20 5. Conveying Source.\n\nx\n";
    assert_eq!(
        paths(licence),
        [
            "GNU GENERAL PUBLIC LICENSE",
            "GNU GENERAL PUBLIC LICENSE > 4. Conveying Copies.",
            "GNU GENERAL PUBLIC LICENSE > 5. Conveying Source.",
        ]
    );
    let manual =
        "NAME\n       ps - report\n\nEXIT STATUS\n       0   Success.\n\n       6   Failure.\n\n";
    assert_eq!(paths(manual), ["NAME", "EXIT STATUS"]);
}

#[test]
fn what_is_no_heading() {
    let none: [&str; 7] = [
        "#tag\n",
        "####### seven\n",
        "text\n1. Item\n2. Item\n",
        "a | b\n---|---\n",
        "```\n# x\n```\n",
        "- item\n---\n",
        "# \n",
    ];
    for text in none {
        assert_eq!(paths(text), [""; 0], "{text}");
    }
    assert_eq!(
        paths("# A\n\n1. First step\n\nx\n"),
        ["A"],
        "marked headings make the others items"
    );
}
