//! Splits a command line into words as a POSIX shell would, without expanding anything: the SSM agent
//! in a container does the same, and starts no shell of its own.

/// The words of `line`; `None` when a quote is not closed.
pub fn split(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next()? {
                        '\'' => break,
                        inner => word.push(inner),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next()? {
                        '"' => break,
                        '\\' => match letters.next()? {
                            escaped @ ('"' | '\\' | '$' | '`') => word.push(escaped),
                            '\n' => {}
                            other => word.extend(['\\', other]),
                        },
                        inner => word.push(inner),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(letters.next()?),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<&[&str]>) {
        let expected = expected.map(|words| words.iter().map(ToString::to_string).collect());
        assert_eq!(split(line), expected, "{line}");
    }

    #[test]
    fn lines_are_split_as_a_shell_would() {
        check("/bin/sh", Some(&["/bin/sh"]));
        check("  ls   -l\t/tmp\n", Some(&["ls", "-l", "/tmp"]));
        check(r#"sh -c "echo \"a b\" $HOME""#, Some(&["sh", "-c", "echo \"a b\" $HOME"]));
        check("sh -c 'echo \"x\" \\n'", Some(&["sh", "-c", "echo \"x\" \\n"]));
        check(r"a\ b ''", Some(&["a b", ""]));
        check(r#"a"b"'c'd"#, Some(&["abcd"]));
        check("", Some(&[]));
        check("'open", None);
        check(r#""open"#, None);
        check("back\\", None);
    }
}
