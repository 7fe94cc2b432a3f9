//! The configuration file: whatever is in it, every setting is read or is a mistake with its place.

use skywave_settings::{Origin, Place, Settings, parse};

use crate::{Target, seeds};

pub(crate) const TARGET: Target = Target {
    name: "settings",
    run,
    seeds: || {
        seeds(&[
            "host = \"${HOST:-a}\"\nport = 70000\n[[apps]]\nid = \"1\"\nlist = [1, \"b\"]\n",
            "host = '''\na'''\nport = 0x1F\nwhen = 1979-05-27T07:32:00Z\nratio = 1e400\n",
            "[table]\nhost = \"$${\"\n[table.more]\n\"port\" = -1\n",
            "host = \"${A:-${B:-${C}}}\"\nport = \"${PORT}\"\n",
        ])
    },
    longest: 1_024,
};

fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else {
        return;
    };
    let entries = match parse(text) {
        Ok(entries) => entries,
        Err(mistakes) => {
            assert!(
                !mistakes.is_empty(),
                "a file that cannot be read has a mistake"
            );
            return;
        }
    };
    let origin = Origin::File("skywave.toml".to_owned());
    let keys = vec!["host", "port", "apps", "table"];
    let mut settings = Settings::new(origin, "", Place::START, entries, keys);
    settings.substitute(&|name: &str| (name != "C").then(|| format!("${{{name}}}")));
    let _ = settings.optional::<String>("host");
    let _ = settings.optional::<u16>("port");
    let _ = settings.optional::<bool>("host");
    let _ = settings.take_table("table");
    let _ = settings.take_tables("apps");
    let known = settings.has_mistakes();
    let mistakes = settings.into_mistakes();
    assert_eq!(known, !mistakes.is_empty());
    for mistake in mistakes {
        assert!(mistake.text.starts_with("skywave.toml"), "{}", mistake.text);
    }
}
