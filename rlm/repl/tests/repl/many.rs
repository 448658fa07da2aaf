//! Many sessions at once on several threads: nobody gets another's memory, output or answers.

use crate::world::{Echo, config, runtime};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_sessions_in_parallel_do_not_mix() {
    let mut tasks = Vec::new();
    for i in 0..16 {
        tasks.push(tokio::spawn(async move {
            let mut session = runtime()
                .session(config(&format!("context {i}")))
                .await
                .unwrap();
            let host = Echo::default();
            for block in 0..5 {
                let code = format!(
                    "total = sum(range(200000))\nr = llm_query('s{i} b{block}')\n\
                     print({i}, {block}, context, r)"
                );
                let outcome = session.run(&code, &host).await.unwrap();
                let prompt = format!("s{i} b{block}");
                let want = format!("{i} {block} context {i} echo:{}:{prompt}\n", prompt.len());
                assert_eq!((outcome.error, outcome.stdout), (None, want));
                // Undone blocks in between make new instances beside the others.
                let outcome = session.run("r = open('x')", &host).await.unwrap();
                assert_eq!(outcome.error.unwrap().kind, "FileNotFoundError");
            }
            let snapshot = session.snapshot().await.unwrap();
            let mut restored = runtime()
                .restore(&snapshot, config(&format!("context {i}")))
                .await
                .unwrap();
            let outcome = restored.run("print(r, context)", &host).await.unwrap();
            assert_eq!(
                outcome.stdout,
                format!("echo:{}:s{i} b4 context {i}\n", format!("s{i} b4").len())
            );
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}
