import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { tableStatus, taskStatus } from "../served-pipeline.fixture.ts";
import { CLIENT } from "./client.ts";
import { PageElement } from "./page-dom.fixture.ts";
import { view } from "./view.ts";

/** The page with its script running; requests wait until they are answered. */
class OpenPage {
  readonly main = new PageElement("main");
  readonly link = new PageElement("span");
  readonly dialog = new PageElement("dialog");
  readonly storage = new Map<string, string>();
  readonly alerts: string[] = [];
  readonly asked: string[] = [];
  agrees = true;
  readonly #requests: Request[] = [];
  readonly #waits: (() => void)[] = [];

  constructor() {
    this.dialog.insertBefore(new PageElement("input"), null);
    runInNewContext(CLIENT, {
      document: {
        querySelector: (name: string) => (name === "main" ? this.main : this.dialog),
        getElementById: () => this.link,
        createElement: (name: string) => new PageElement(name),
      },
      Node: { ELEMENT_NODE: 1 },
      TextDecoderStream,
      sessionStorage: {
        getItem: (name: string) => this.storage.get(name) ?? null,
        setItem: (name: string, value: string) => void this.storage.set(name, value),
        removeItem: (name: string) => void this.storage.delete(name),
      },
      confirm: (text: string) => (this.asked.push(text), this.agrees),
      alert: (text: string) => void this.alerts.push(text),
      setTimeout: (then: () => void) => void this.#waits.push(then),
      fetch: (path: string, options: RequestOptions) =>
        new Promise<Response>((resolve, reject) => {
          this.#requests.push({ path, ...options, answer: resolve, fail: reject });
        }),
    });
  }

  /** The next request that was sent. */
  async request(): Promise<Request> {
    await expect.poll(() => this.#requests.length, { interval: 1 }).toBeGreaterThan(0);
    const [request] = this.#requests.splice(0, 1);
    if (request === undefined) throw new Error("nothing was asked for");
    return request;
  }

  get requests(): number {
    return this.#requests.length;
  }

  /** The second before another try is over. */
  async waited(): Promise<void> {
    await expect.poll(() => this.#waits.length, { interval: 1 }).toBeGreaterThan(0);
    for (const then of this.#waits.splice(0)) then();
  }

  /** Answers the request for what is drawn; what it gives draws. */
  async live(): Promise<(text: string) => Promise<void>> {
    const request = await this.request();
    expect(request.path).toBe("/dashboard/live");
    const stream = new TransformStream<Uint8Array, Uint8Array>();
    const writer = stream.writable.getWriter();
    request.answer(new Response(stream.readable));
    this.close = () => writer.close();
    return (text) => writer.write(new TextEncoder().encode(text));
  }

  close: () => Promise<void> = () => Promise.resolve();

  button(post: string): PageElement {
    const [found] = this.main.all((element) => element.dataset["post"]?.endsWith(post) === true);
    if (found === undefined) throw new Error(`there is no button ${post}`);
    return found;
  }
}

interface RequestOptions {
  readonly method?: string;
  readonly headers: Readonly<Record<string, string>>;
}

interface Request extends RequestOptions {
  readonly path: string;
  answer(response: Response): void;
  fail(error: Error): void;
}

const event = (markup: string): string => `data: ${JSON.stringify(markup)}\n\n`;
const drawnOf = (tables: readonly Parameters<typeof tableStatus>[]): string =>
  view([
    {
      status: taskStatus("shop", { tables: tables.map((table) => tableStatus(...table)) }),
      samples: [],
      letters: [],
      events: ["09:05:07 caught up with the source"],
    },
  ]).text;
const insideOf = (markup: string): string => {
  const main = new PageElement("main");
  main.innerHTML = markup;
  return main.outerHTML;
};

describe("the dashboard's script", () => {
  it("makes the page what the server has drawn, whatever it was before", async () => {
    const page = new OpenPage();
    const draw = await page.live();
    const name = fc.constantFrom("a", "b", "c", "d", "e");
    const state = fc.constantFrom("INIT_SYNC" as const, "SYNC" as const);
    const tables = fc.uniqueArray(fc.tuple(name, fc.record({ state, deadLetters: fc.nat(2) })), {
      selector: ([table]) => table,
    });
    await fc.assert(
      fc.asyncProperty(tables, async (some) => {
        const markup = drawnOf(some);
        await draw(event(markup));
        await expect.poll(() => page.main.outerHTML, { interval: 1 }).toBe(insideOf(markup));
      }),
      { numRuns: 60 },
    );
  });

  it("leaves a row's elements, what is open and what is pressed to the reader", async () => {
    const page = new OpenPage();
    const draw = await page.live();
    await draw(event(drawnOf([["a"], ["b"]])));
    await expect.poll(() => page.link.textContent).toBe("live");
    await expect.poll(() => page.main.childNodes.length, { interval: 1 }).toBeGreaterThan(0);
    const [details] = page.main.all(({ nodeName }) => nodeName === "DETAILS");
    expect(details?.hasAttribute("open")).toBe(true);
    details?.removeAttribute("open");
    const button = page.button("public.b/resync");
    button.disabled = true;
    await draw(event(drawnOf([["b", { deadLetters: 3 }], ["a"]])));
    await expect.poll(() => page.main.outerHTML, { interval: 1 }).toContain("3");
    expect(page.button("public.b/resync")).toBe(button);
    expect(button.disabled).toBe(true);
    expect(details?.hasAttribute("open")).toBe(false);
  });

  it("reads events in whatever pieces they come, and follows again when the process is gone", async () => {
    const page = new OpenPage();
    const draw = await page.live();
    const whole = `: nothing\n\n${event("<p>é one</p>")}`;
    for (const piece of whole.match(/[^]{1,3}/g) ?? []) await draw(piece);
    await expect.poll(() => page.main.textContent, { interval: 1 }).toBe("é one");
    await page.close();
    await expect
      .poll(() => page.link.textContent)
      .toBe("not connected: the process has closed the connection; trying again");
    expect(page.link.className).toBe("lost");
    await page.waited();
    (await page.request()).fail(new Error("refused"));
    await expect.poll(() => page.link.textContent).toContain("not connected: refused");
    await page.waited();
    const more = await page.live();
    await more(event("<p>two</p>"));
    await expect.poll(() => page.main.textContent, { interval: 1 }).toBe("two");
    expect([page.link.textContent, page.link.className]).toEqual(["live", ""]);
  });

  it("says what a server refuses, in its words", async () => {
    const page = new OpenPage();
    (await page.request()).answer(Response.json({ detail: "too many readers" }, { status: 503 }));
    await expect.poll(() => page.link.textContent).toContain("too many readers");
  });

  it("asks for the token, keeps it for the tab, and takes nothing that no header can hold", async () => {
    const page = new OpenPage();
    const answerToken = async (token: string): Promise<void> => {
      const shown = page.dialog.shown;
      (await page.request()).answer(new Response(null, { status: 401 }));
      await expect.poll(() => page.dialog.shown, { interval: 1 }).toBe(shown + 1);
      const input = page.dialog.querySelector("input");
      if (input !== null) input.value = token;
      await page.dialog.dispatch("close");
      await page.waited();
    };
    await answerToken("t\u00f6ken");
    expect(page.storage.size).toBe(0);
    await answerToken("  s3cret ");
    const request = await page.request();
    expect(request.headers).toEqual({ authorization: "Bearer s3cret" });
  });

  it("sends what a button asks for once, after it was agreed to where that is wanted", async () => {
    const page = new OpenPage();
    page.storage.set("millrace-token", "s3cret");
    const draw = await page.live();
    await draw(event(drawnOf([["a"]])));
    await expect.poll(() => page.main.childNodes.length, { interval: 1 }).toBeGreaterThan(0);
    page.agrees = false;
    await page.main.dispatch("click", page.button("shop/restart"));
    expect([page.asked.length, page.requests]).toEqual([1, 0]);
    page.agrees = true;
    const pressed = page.main.dispatch("click", page.button("shop/restart"));
    const request = await page.request();
    expect(request).toMatchObject({
      path: "/api/v1/pipelines/shop/restart",
      method: "POST",
      headers: { authorization: "Bearer s3cret" },
    });
    expect(page.button("shop/restart").disabled).toBe(true);
    request.answer(Response.json({ pending: "begins again" }));
    await pressed;
    expect(page.button("shop/restart").disabled).toBe(false);
    expect(page.link.textContent).toBe("asked for: it begins again");
  });

  it("tells why a request was refused, or not sent, and gives the button back", async () => {
    const page = new OpenPage();
    const draw = await page.live();
    await draw(event(drawnOf([["a"]])));
    await expect.poll(() => page.main.childNodes.length, { interval: 1 }).toBeGreaterThan(0);
    const press = async (end: (request: Request) => void): Promise<void> => {
      const pressed = page.main.dispatch("click", page.button("shop/pause"));
      end(await page.request());
      await pressed;
      expect(page.button("shop/pause").disabled).toBe(false);
    };
    await press((request) =>
      request.answer(Response.json({ detail: "it has ended" }, { status: 409 })),
    );
    await press((request) => request.answer(new Response("<html>", { status: 502 })));
    await press((request) => request.fail(new Error("no network")));
    expect(page.alerts).toEqual(["it has ended", "HTTP 502", "not sent: no network"]);
  });
});
