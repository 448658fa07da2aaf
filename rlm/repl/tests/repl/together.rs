//! Threads, executors and asyncio over model calls: the results of running one after another, in
//! batches. The sizes of the batches are what is counted.

use crate::world::{Echo, session};

async fn check(code: &str, batches: &[usize], printed: &str) {
    let mut s = session("abc").await;
    let host = Echo::default();
    let outcome = s.run(code, &host).await.unwrap();
    assert_eq!(outcome.error, None, "{code}");
    assert_eq!(outcome.stdout, printed, "{code}");
    assert_eq!(host.sizes(), batches, "{code}");
}

const THREE: &str = "['echo:2:Q0', 'echo:2:Q1', 'echo:2:Q2']\n";

#[tokio::test]
async fn executors_ask_in_one_batch() {
    let import = "from concurrent.futures import ThreadPoolExecutor, as_completed\n";
    check(
        &format!(
            r#"{import}with ThreadPoolExecutor(4) as ex:
    print(list(ex.map(lambda i: llm_query(f'Q{{i}}'), range(3))))"#
        ),
        &[3],
        THREE,
    )
    .await;
    check(
        &format!(
            r#"{import}ex = ThreadPoolExecutor()
fs = [ex.submit(llm_query, f'Q{{i}}') for i in range(3)]
print([f.result() for f in fs])"#
        ),
        &[3],
        THREE,
    )
    .await;
    // Two calls one after the other: only the first ones are independent for sure.
    check(
        &format!(
            r#"{import}def two(i):
    a = llm_query(f'Q{{i}}')
    return llm_query('again ' + a)
with ThreadPoolExecutor() as ex:
    print(len([f.result() for f in as_completed([ex.submit(two, i) for i in range(2)])]))"#
        ),
        &[2, 1, 1],
        "2\n",
    )
    .await;
}

#[tokio::test]
async fn tasks_with_effects_before_their_call_run_one_by_one() {
    check(
        r#"from concurrent.futures import ThreadPoolExecutor
seen = []
def f(i):
    seen.append(i)
    return llm_query(f'Q{len(seen) - 1}')
with ThreadPoolExecutor() as ex:
    print(list(ex.map(f, range(3))))"#,
        &[1, 1, 1],
        THREE,
    )
    .await;
    // The effect is in a function that the task calls.
    check(
        r#"from concurrent.futures import ThreadPoolExecutor
seen = []
def note(i):
    seen.append(i)
def f(i):
    note(i)
    return llm_query(f'Q{len(seen) - 1}')
with ThreadPoolExecutor() as ex:
    print(list(ex.map(f, range(3))))"#,
        &[1, 1, 1],
        THREE,
    )
    .await;
}

#[tokio::test]
async fn threads_ask_in_one_batch() {
    check(
        r#"import threading
out = {}
def work(i):
    out[i] = llm_query(f'Q{i}')
ts = [threading.Thread(target=work, args=(i,)) for i in range(3)]
for t in ts: t.start()
for t in ts: t.join()
print([out[i] for i in range(3)])"#,
        &[3],
        THREE,
    )
    .await;
}

#[tokio::test]
async fn gathered_coroutines_ask_in_one_batch() {
    let gather = r#"import asyncio
async def main():
    print(await asyncio.gather(*[one(i) for i in range(3)]))
asyncio.run(main())"#;
    for one in [
        "async def one(i): return await allm_query(f'Q{i}')\n",
        "async def one(i): return await llm_query(f'Q{i}')\n",
        "async def one(i): return llm_query(f'Q{i}')\n",
        r#"async def one(i):
    import asyncio
    return await asyncio.to_thread(llm_query, f'Q{i}')
"#,
        r#"async def one(i):
    import asyncio
    await asyncio.sleep(0.5)
    return await llm_query(f'Q{i}')
"#,
        r#"async def one(i):
    import asyncio
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(None, llm_query, f'Q{i}')
"#,
    ] {
        check(&format!("{one}{gather}"), &[3], THREE).await;
    }
}

#[tokio::test]
async fn one_failed_call_of_many_is_an_error_in_its_place() {
    check(
        r#"rs = llm_query_batched(['Q0', 'fail', 'Q2'])
print(rs[0], isinstance(rs[1], LMError), rs[1].error, bool(rs[1]), rs[2])"#,
        &[3],
        "echo:2:Q0 True llm backend down False echo:2:Q2\n",
    )
    .await;
    check(
        r#"import asyncio
async def main():
    rs = await asyncio.gather(allm_query('Q0'), allm_query('fail'), return_exceptions=True)
    print(rs)
asyncio.run(main())"#,
        &[2],
        "['echo:2:Q0', RuntimeError('llm backend down')]\n",
    )
    .await;
}
