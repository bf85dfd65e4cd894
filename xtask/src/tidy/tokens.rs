//! Rust files as tokens: what is code, without comments and the contents of literals.

use proc_macro2::{Delimiter, LexError, TokenStream, TokenTree};

use super::Violation;
use super::tree::Tree;

/// One token and where it stands.
#[derive(Debug, PartialEq, Eq)]
pub struct Token {
    /// The identifier, punctuation character or bracket; empty for a literal.
    pub text: String,
    /// The 1-based line.
    pub line: usize,
    /// Whether an attribute `#[cfg(test)]` or `#[test]` covers it.
    pub in_test: bool,
}

/// Reports the files that cannot be tokenized, which no other check can read.
pub fn check(tree: &Tree) -> Vec<Violation> {
    tree.rust_files()
        .filter_map(|file| {
            let error = tokenize(&file.text).err()?;
            let line = error.span().start().line;
            Some(Violation::new(&file.path, line, format!("is no Rust: {error}")))
        })
        .collect()
}

/// The tokens of a Rust source text, in reading order.
pub fn tokenize(source: &str) -> Result<Vec<Token>, LexError> {
    let mut tokens = Vec::new();
    flatten(source.parse()?, false, &mut tokens);
    Ok(tokens)
}

impl Token {
    fn new(text: impl ToString, line: usize, in_test: bool) -> Self {
        Self { text: text.to_string(), line, in_test }
    }
}

/// Appends the tokens of `stream`; `in_test` says whether an attribute around it covers them all.
fn flatten(stream: TokenStream, in_test: bool, tokens: &mut Vec<Token>) {
    let mut item_in_test = in_test;
    for tree in stream {
        let line = tree.span().start().line;
        match tree {
            TokenTree::Ident(ident) => tokens.push(Token::new(ident, line, item_in_test)),
            TokenTree::Literal(_) => tokens.push(Token::new("", line, item_in_test)),
            TokenTree::Punct(punct) => {
                tokens.push(Token::new(punct.as_char(), line, item_in_test));
                if punct.as_char() == ';' {
                    item_in_test = in_test;
                }
            }
            TokenTree::Group(group) => {
                let (open, close) = brackets(group.delimiter());
                item_in_test |= group.delimiter() == Delimiter::Bracket && marks_test(&group.stream());
                tokens.push(Token::new(open, line, item_in_test));
                flatten(group.stream(), item_in_test, tokens);
                tokens.push(Token::new(close, group.span_close().start().line, item_in_test));
                if group.delimiter() == Delimiter::Brace {
                    item_in_test = in_test;
                }
            }
        }
    }
}

fn brackets(delimiter: Delimiter) -> (&'static str, &'static str) {
    match delimiter {
        Delimiter::Parenthesis => ("(", ")"),
        Delimiter::Brace => ("{", "}"),
        Delimiter::Bracket => ("[", "]"),
        Delimiter::None => ("", ""),
    }
}

/// Whether the inside of an attribute's brackets is `test` or `cfg(test)`.
fn marks_test(attribute: &TokenStream) -> bool {
    let mut text = attribute.to_string();
    text.retain(|c| !c.is_whitespace());
    text == "test" || text == "cfg(test)"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(source: &str, sequence: &[&str]) -> Vec<usize> {
        let tree = Tree::of(&[("crates/a/src/lib.rs", source)]);
        let file = tree.rust_files().next().unwrap();
        file.find(sequence).map(|token| token.line).collect()
    }

    #[test]
    fn comments_strings_and_longer_names_are_no_code() {
        let source = "// unsafe\n/* unsafe */\n/// unsafe\nfn f() { \"unsafe\"; unsafe_code; }\n";
        assert!(lines_of(source, &["unsafe"]).is_empty());
    }

    #[test]
    fn sequences_are_found_on_their_lines() {
        let source = "fn f() {\n  println!(\"a\");\n  let println = 1;\n}\nfn g() { println !(\"b\") }";
        assert_eq!(lines_of(source, &["println", "!"]), [2, 5]);
    }

    #[test]
    fn what_test_attributes_cover_is_marked() {
        let source = "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() {}\n}\nfn c() {}\n#[test]\nfn d() {}\n";
        let tokens = tokenize(source).unwrap();
        let covered = |name| tokens.iter().find(|token| token.text == name).unwrap().in_test;
        assert_eq!([covered("a"), covered("b"), covered("c"), covered("d")], [false, true, false, true]);
    }

    #[test]
    fn a_file_that_is_no_rust_is_reported() {
        let tree = Tree::of(&[("crates/a/src/lib.rs", "//! A.\nfn f( {\n")]);
        let found = check(&tree);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, "crates/a/src/lib.rs");
    }
}
