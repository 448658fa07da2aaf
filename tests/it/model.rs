//! `rlm-ctl model` outside: a generated GGUF is shown by its path; a model comes from an address of
//! this machine, is listed and shown by its name, and goes.

use crate::ctl::Home;
use engine_llama::{TinyModel, write_tiny_model};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

/// A model of random weights, as a file of the home, and its bytes.
fn tiny(home: &Home) -> Vec<u8> {
    let path = home.path("tiny.gguf");
    write_tiny_model(&TinyModel::default(), &path).expect("a model");
    std::fs::read(path).expect("its bytes")
}

/// Gives `body` to whoever asks first; the address of it as a file, and the server's end.
fn give_once(body: Vec<u8>) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    let address = listener.local_addr().expect("an address");
    let giving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let request = BufReader::new(stream.try_clone().expect("a second handle"));
        let head = request.lines().map(|line| line.expect("UTF-8"));
        assert!(head.take_while(|line| !line.is_empty()).count() > 0);
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("a client");
        stream.write_all(&body).expect("a client");
    });
    (format!("http://{address}/tiny.gguf"), giving)
}

/// What `rlm-ctl model list -o json` says of a model.
fn listed(home: &Home, name: &str) -> Option<Value> {
    let run = home.run(&["model", "list", "-o", "json"]);
    run.expect(0, &[]);
    let list = run.json();
    let models = list["models"].as_array().expect("a list");
    models.iter().find(|model| model["name"] == name).cloned()
}

#[test]
fn a_model_file_is_shown_by_its_path() {
    let home = Home::new();
    let bytes = tiny(&home);
    home.run(&["model", "show", "tiny.gguf"]).expect(
        0,
        &[
            "kind      qwen2 (tiny), gives text",
            "parameters, F32, ",
            "window    4096 tokens",
            "template  in the file",
        ],
    );
    let run = home.run(&["model", "show", "./tiny.gguf", "-o", "json"]);
    run.expect(0, &[]);
    let shown = run.json();
    assert_eq!(shown["model"], Value::Null, "the catalog has no such file");
    assert_eq!(shown["file"]["architecture"], "qwen2");
    assert_eq!(shown["file"]["bytes"], json!(bytes.len()));
    home.file("cut.gguf", &bytes[..bytes.len() - 40]);
    home.run(&["model", "show", "cut.gguf"])
        .expect(2, &["cut.gguf", "cut short"]);
    home.run(&["model", "show", "none.gguf"])
        .expect(2, &["cannot read the model none.gguf"]);
}

#[test]
fn a_model_comes_from_an_address_is_listed_and_goes() {
    let home = Home::new();
    let bytes = tiny(&home);
    let default = listed(&home, "qwen2.5-coder-1.5b").expect("the catalog's default");
    assert_eq!(default["default"], true);
    assert_eq!(default["installed"], false);
    assert_eq!(listed(&home, "tiny"), None);

    let (url, given) = give_once(bytes.clone());
    home.run(&["model", "pull", &url])
        .expect(0, &["tiny is here, verified", "sha256 "]);
    given.join().expect("it was fetched from there");
    let here = listed(&home, "tiny").expect("it is listed");
    assert_eq!(here["installed"], true);
    assert_eq!(here["bytes"], json!(bytes.len()));
    home.run(&["model", "show", "tiny"])
        .expect(0, &["name      tiny", &url, "kind      qwen2 (tiny)"]);

    home.run(&["model", "rm", "tiny"])
        .expect(0, &["removed tiny"]);
    assert_eq!(listed(&home, "tiny"), None);
    home.run(&["model", "rm", "tiny"])
        .expect(6, &["no model is called `tiny`"]);
}
