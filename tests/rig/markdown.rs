//! Pages of docs/, as tests read them.

/// Info string and text of each fenced block.
pub fn blocks(page: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else { continue };
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        found.push((kind.to_owned(), format!("{}\n", body.join("\n"))));
    }
    found
}
