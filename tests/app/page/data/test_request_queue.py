"""One request at a time; the newest wins."""

from playwright.sync_api import Page


def test_requests_go_one_at_a_time_and_the_newest_wins(modules: Page) -> None:
    script = """async () => {
        const { RequestQueue } = await import("/page/data/request_queue.js");
        const log = [];
        const open = [];
        const requests = new RequestQueue(
            (question) => new Promise((resolve, reject) => {
                log.push(`ask ${question}`);
                open.push({ resolve, reject });
            }),
            (answer, question) => log.push(`show ${answer} to ${question}`),
            (error) => log.push(`fail ${error}`),
        );
        const settled = () => new Promise((resolve) => setTimeout(resolve));
        for (const question of [1, 2, 3]) requests.want(question);
        await settled();
        open[0].resolve("one");
        await settled();
        requests.want(4);
        open[1].reject("broken");
        await settled();
        open[2].resolve("four");
        await settled();
        requests.want(5);
        return log;
    }"""
    expected = [
        "ask 1",
        "show one to 1",
        "ask 3",
        "fail broken",
        "ask 4",
        "show four to 4",
        "ask 5",
    ]
    assert modules.evaluate(script) == expected
