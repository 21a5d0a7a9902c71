//! `nfa completion` and `nfa man`: for the shell and for man, from the tables that `--help` shows.

use std::fmt::Write as _;
use std::io::Write;

use super::options::{FLAGS, Options, UsageError};
use super::{COMMANDS, Command, EXIT_STATUS, Failure, Outcome};

/// Shell completion.
pub static COMPLETION: Command = Command {
    name: "completion",
    doc: "prints completion for a shell: bash, zsh or fish",
    usage: "completion bash|zsh|fish",
    run: completion,
};
/// The man page.
pub static MAN: Command = Command {
    name: "man",
    doc: "prints the manual page: nfa man | man -l -",
    usage: "man",
    run: man,
};

/// Long options, with a word for their value if they take one, and their help.
fn flags() -> impl Iterator<Item = (&'static str, Option<&'static str>, &'static str)> {
    FLAGS.iter().map(|(flag, doc)| {
        let long = flag.split(", ").last().unwrap_or(flag);
        match long.split_once(' ') {
            Some((name, value)) => (name, Some(value), *doc),
            None => (long, None, *doc),
        }
    })
}

fn completion(options: &Options) -> Result<Outcome, Failure> {
    let needs = UsageError::Needs { command: "completion", what: "a shell: bash, zsh or fish" };
    let Some(shell) = options.arguments.first() else { return Err(needs.into()) };
    let text = match shell.to_str() {
        Some("bash") => bash(),
        Some("zsh") => {
            format!("#compdef nfa\nautoload -U +X bashcompinit && bashcompinit\n{}", bash())
        }
        Some("fish") => fish(),
        _ => {
            let (found, expected) = (shell.display().to_string(), "expected bash, zsh or fish");
            let option = "completion";
            return Err(UsageError::Value { option, found, expected: expected.to_owned() }.into());
        }
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(Outcome::Fine)
}

fn bash() -> String {
    let commands: Vec<&str> = COMMANDS.iter().map(|command| command.name).collect();
    let names: Vec<&str> = flags().map(|(name, ..)| name).collect();
    let taking = |words: &[&str]| {
        let found =
            flags().filter(|(_, value, _)| value.is_some_and(|value| words.contains(&value)));
        found.map(|(name, ..)| name).collect::<Vec<_>>().join("|")
    };
    format!(
        "_nfa() {{\n  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}\n  \
         case $before in\n    {files}) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n    \
         {values}) return ;;\n  esac\n  \
         if [ \"$COMP_CWORD\" -eq 1 ]; then\n    \
         COMPREPLY=($(compgen -W '{commands} --help --version' -- \"$word\"))\n  \
         elif [ \"${{word#-}}\" != \"$word\" ]; then\n    \
         COMPREPLY=($(compgen -W '{names}' -- \"$word\"))\n  \
         else\n    COMPREPLY=($(compgen -f -- \"$word\"))\n  fi\n}}\n\
         complete -o filenames -F _nfa nfa\n",
        files = taking(&["FILE", "FOLDER", "PATH"]),
        values = taking(&["NAME", "NETWORK", "N", "TEXT", "WORD", "ADDRESS", "ACTION", "FLOW"]),
        commands = commands.join(" "),
        names = names.join(" "),
    )
}

fn fish() -> String {
    let mut text = String::new();
    let quoted = |words: &str| format!("'{}'", words.replace('\\', "\\\\").replace('\'', "\\'"));
    for command in COMMANDS {
        let doc = quoted(command.doc);
        let _ =
            writeln!(text, "complete -c nfa -n __fish_use_subcommand -a {} -d {doc}", command.name);
    }
    for (name, value, doc) in flags() {
        let takes = if value.is_some() { " -r" } else { "" };
        let (name, doc) = (name.trim_start_matches('-'), quoted(doc));
        let _ = writeln!(text, "complete -c nfa -l {name}{takes} -d {doc}");
    }
    text
}

/// Text for man(7): a hyphen that is typed, and no line that begins with a request.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

fn man(options: &Options) -> Result<Outcome, Failure> {
    options.no_arguments("man")?;
    let mut page = format!(
        ".TH NFA 8 \"\" \"nfa {}\"\n.SH NAME\nnfa \\- names the traffic of a router's LAN and keeps \
         kernel sets of it\n.SH SYNOPSIS\n.B nfa\n.I COMMAND\n[OPTION...] [ARGUMENT...]\n\
         .SH COMMANDS\n",
        env!("CARGO_PKG_VERSION")
    );
    for command in COMMANDS {
        let (usage, doc) = (roff(command.usage), roff(command.doc));
        let _ = writeln!(page, ".TP\n.B nfa {usage}\n{doc}");
    }
    page.push_str(".SH OPTIONS\n");
    for (flag, doc) in FLAGS {
        let _ = writeln!(page, ".TP\n.B {}\n{}", roff(flag), roff(doc));
    }
    let _ = write!(
        page,
        ".SH EXIT STATUS\n{}\n.SH ENVIRONMENT\n.TP\n.B NO_COLOR\nif set and not empty, no colours\n\
         .SH FILES\n.TP\n.I {}\nthe daemon's control socket\n.TP\n.I /usr/share/nfa/apps.d\n\
         the catalogue of applications\n",
        roff(EXIT_STATUS),
        roff(nfa::control::SOCKET_DEFAULT),
    );
    std::io::stdout().write_all(page.as_bytes())?;
    Ok(Outcome::Fine)
}
