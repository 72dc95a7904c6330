import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { Metrics } from "../../observe/metrics.ts";
import { deadLetter, tableStatus, taskStatus } from "../served-pipeline.fixture.ts";
import { curve } from "./chart.ts";
import { EventLines } from "./event-lines.ts";
import { History } from "./history.ts";
import { html } from "./html.ts";
import { page } from "./page.ts";
import { view } from "./view.ts";

const shown = (status: Parameters<typeof taskStatus>[1]) =>
  view([{ status: taskStatus("shop", status), samples: [], letters: [], events: [] }]).text;

const hashOf = (text: string) => `sha256-${createHash("sha256").update(text).digest("base64")}`;

describe("markup", () => {
  it("never takes a value for markup", () => {
    expect(
      html`<a title="${`"<b>'&`}">${[html`<i>${"<u>"}</i>`, html`x`]}${null}${1}</a>`.text,
    ).toBe('<a title="&quot;&lt;b&gt;&#39;&amp;"><i>&lt;u&gt;</i>x1</a>');
    expect(shown({ tables: [tableStatus('"><script>alert(1)</script>')] })).not.toContain(
      "<script>",
    );
  });
});

describe("the dashboard", () => {
  it("says first why a pipeline failed, what is tried again and what waits", () => {
    const text = shown({
      state: "failed",
      error: { code: "MR_SOURCE_LOSS", message: "the slot is gone", remedy: "Load it again." },
      retrying: {
        code: "MR_SINK_LOST_CONNECTION",
        message: "refused",
        remedy: "Start it.",
        sinceMs: 0,
        attempts: 4,
        nextTryMs: 1,
      },
      waits: [{ what: "load", reason: "rate", table: null, why: "for the rate", sinceMs: 0 }],
    });
    for (const part of [
      "MR_SOURCE_LOSS: the slot is gone",
      "Load it again.",
      "MR_SINK_LOST_CONNECTION: refused (attempt 4)",
      "load waits: for the rate",
    ])
      expect(text).toContain(part);
    expect(text).toContain('data-post="/api/v1/pipelines/shop/restart"');
    expect(text).not.toContain("/shop/pause");
  });

  it("says a code once, and what is tried again once", () => {
    const code = "MR_SINK_LOST_CONNECTION";
    const message = `${code}: nobody listens`;
    const remedy = "Start it.";
    const retrying = { code, message, remedy, sinceMs: 0, attempts: 4, nextTryMs: 1 };
    const wait = { what: "pipeline", reason: code, table: null, why: message, sinceMs: 0 } as const;
    const text = shown({ state: "retrying", retrying, waits: [wait] });
    expect(text.split(code)).toHaveLength(2);
    expect(text.split("nobody listens")).toHaveLength(2);
  });

  it("offers nothing of a topic's table that would have it loaded, and counts no loaded rows", () => {
    const channel = { id: "t-0/log", kind: "log", frontier: null, lagMessages: 0 } as const;
    const tables = [tableStatus("t", { rowsLoaded: 0 })];
    expect(shown({ tables, channels: [channel] })).not.toMatch(
      /tables\/public\.t\/(?:pause|resync)/,
    );
    expect(shown({ tables, channels: [channel] })).toMatch(/data-label="Rows loaded">–</);
    expect(shown({ tables })).toMatch(/tables\/public\.t\/resync/);
  });

  it("shows tables that need attention before those that are in step", () => {
    const text = shown({
      tables: [
        tableStatus("fine"),
        tableStatus("loading", { state: "INIT_SYNC", loadedPercent: 37 }),
        tableStatus("refused", { deadLetters: 2 }),
        tableStatus("stopped", { stopped: { code: "MR_TOO_MANY_REFUSED", message: "m", atMs: 0 } }),
      ],
    });
    const places = ["public.stopped", "public.refused", "public.loading", "public.fine"].map((id) =>
      text.indexOf(id),
    );
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(text).toContain('<progress max="100" value="37"');
    expect(text).toContain("/api/v1/pipelines/shop/tables/public.loading/resync");
  });

  it("names each number by its column, which a narrow page shows beside it instead of a head", () => {
    const letters = [deadLetter("one")];
    const status = taskStatus("shop", { tables: [tableStatus("t")] });
    const { text } = view([{ status, samples: [], letters, events: [] }]);
    const heads = [...text.matchAll(/<th class="number">([^<]+)</g)].map(([, head]) => head);
    const labels = [...text.matchAll(/<td class="number[^"]*" data-label="([^"]+)"/g)];
    expect(heads).toEqual(["Rows loaded", "Changes", "Dead letters", "Attempts"]);
    expect(labels.map(([, label]) => label)).toEqual(heads);
    expect(text.match(/<td class="number/g)).toHaveLength(heads.length);
  });

  it("offers to resume what is paused, a pipeline and a table", () => {
    const text = shown({ state: "paused", tables: [tableStatus("t", { paused: { atMs: 0 } })] });
    expect(text).toContain('data-post="/api/v1/pipelines/shop/resume"');
    expect(text).toContain('data-post="/api/v1/pipelines/shop/tables/public.t/resume"');
    expect(text).not.toContain("/tables/public.t/resync");
  });

  it("asks before it pauses a table, which throws its load away", () => {
    const text = shown({ tables: [tableStatus("t")] });
    expect(text).toMatch(
      /tables\/public\.t\/pause"[^>]*\s+data-confirm="Pause public\.t\? Its changes are left out; resume loads it again\."/,
    );
  });

  it("draws no bar where nobody knows how much there is to load", () => {
    const text = shown({ tables: [tableStatus("t", { state: "INIT_SYNC", loadedPercent: null })] });
    expect(text).toContain("INIT_SYNC</span>");
    expect(text).not.toContain("<progress");
  });

  it("says of a load of unknown size that nobody knows it", () => {
    const unknown = { state: "INIT_SYNC", loadedPercent: null } as const;
    expect(shown({ tables: [tableStatus("t", unknown)] })).toContain("size not known");
  });

  it("shows a start as a start: no progress yet, no tables that are missing", () => {
    const starting = shown({ state: "starting", tables: [], channels: [], progressAgeMs: 4_100 });
    expect(starting).toContain("Starting …");
    expect(starting).not.toContain("4.1 s ago");
    expect(starting).not.toContain("No tables yet");
    expect(page("1", false).body).toMatch(/<main>\s*<p class="empty">One moment …<\/p>\s*<\/main>/);
    expect(shown({ tables: [] })).toContain("No tables yet");
  });

  it("names each button by what it does to what", () => {
    const paused = tableStatus("b", { paused: { atMs: 0 } });
    const status = taskStatus("shop", { tables: [tableStatus("a"), paused] });
    const letters = [deadLetter("0123456789abcdef")];
    const { text } = view([{ status, samples: [], letters, events: [] }]);
    const labels = [...text.matchAll(/<button[^>]*aria-label="([^"]+)"/g)].map(
      ([, label]) => label,
    );
    expect(labels).toEqual([
      "Pause shop",
      "Restart shop",
      "Resume public.b",
      "Pause public.a",
      "Resync public.a",
      "Replay 0123456789ab of public.orders",
      "Discard 0123456789ab of public.orders",
    ]);
  });

  it("tells dead letters of a table apart by what the command line calls them", () => {
    const letters = [deadLetter("0123456789abcdef"), deadLetter("fedcba9876543210")];
    const { text } = view([{ status: taskStatus("shop"), samples: [], letters, events: [] }]);
    expect(text).toContain("<code>0123456789ab</code>");
    expect(text).toContain("<code>fedcba987654</code>");
  });

  it("shows the newest of what happened, and the rest where it is asked for", () => {
    const events = Array.from({ length: 20 }, (_, i) => `line ${i}`);
    const of = (some: readonly string[]) =>
      view([{ status: taskStatus("shop"), samples: [], letters: [], events: some }]).text;
    expect(of(events)).toMatch(/line 7<\/li>[^]*<summary>12 earlier<\/summary>[^]*line 8<\/li>/);
    expect(of(events.slice(0, 8))).not.toContain("earlier");
  });

  it("gives no size of a log that nobody measured", () => {
    const retention = {
      retainedBytes: null,
      limitBytes: null,
      limitOf: null,
      limitSeconds: null,
      expireSeconds: 86_400,
    };
    const text = shown({ retention });
    expect(text).toContain("<strong>24 hours</strong>");
    expect(text).toContain("then records are dropped");
    expect(text).not.toContain("<strong>0 B</strong>");
  });

  it("tells long times in hours and days", () => {
    const retention = { retainedBytes: 7, limitBytes: null, limitOf: null, limitSeconds: null };
    const after = (expireSeconds: number) => shown({ retention: { ...retention, expireSeconds } });
    expect(after(86_400)).toContain("dropped after 24 hours");
    expect(after(604_800)).toContain("dropped after 7 days");
  });

  it("shows dead letters without the values of their rows", () => {
    const letters = [deadLetter("abc", { key: "secret-key", keyColumns: { id: "secret-key" } })];
    const { text } = view([{ status: taskStatus("shop"), samples: [], letters, events: [] }]);
    expect(text).toContain("MR_VALUE_DOES_NOT_FIT");
    expect(text).toContain("/api/v1/pipelines/shop/dead-letters/abc/replay");
    expect(text).not.toContain("secret-key");
  });

  it("shows how a sink of topics fares at its brokers, and nothing of that for others", () => {
    let nowMs = 0;
    const metrics = new Metrics();
    const { kafka } = metrics.connections("shop");
    const history = new History(
      () => nowMs,
      (pipeline) => metrics.kafkaTotals(pipeline),
    );
    const drawn = () => {
      history.sample([taskStatus("shop"), taskStatus("other")]);
      nowMs += 1_000;
      const of = (name: string) => {
        const status = taskStatus(name);
        return view([{ status, samples: history.of(name), letters: [], events: [] }]).text;
      };
      return { shop: of("shop"), other: of("other") };
    };
    expect(drawn().shop).not.toContain("Kafka");
    kafka.ended("committed", 12);
    drawn();
    for (let i = 0; i < 30; i++) kafka.ended("committed", 20);
    kafka.ended("aborted", 5);
    kafka.produced(7, 0);
    kafka.produced(9, 400);
    const { shop, other } = drawn();
    for (const part of [
      "<strong>30</strong>",
      "committed; 1 given up so far",
      "<strong>20 ms</strong>",
      "brokers acknowledge in 8 ms; held back by a quota for 400 ms",
    ])
      expect(shop).toContain(part);
    expect(other).not.toContain("Kafka");
  });

  it("tells the lag of a source of topics in messages", () => {
    const channel = { id: "orders-0/log", kind: "log", frontier: null } as const;
    const channels = [
      { ...channel, lagMessages: 1_200 },
      { ...channel, id: "orders-1/log", lagMessages: 34 },
      { ...channel, id: "orders-2/log", lagMessages: null },
    ];
    const text = shown({ channels });
    expect(text).toContain("1,234 messages to read");
    const rows = [...text.matchAll(/data-label="Messages to read">\s*(\S+)/g)].map(
      ([, count]) => count,
    );
    expect([text.includes("Partitions of this process (3)"), rows]).toEqual([
      true,
      ["–", "1,200", "34"],
    ]);
    expect(shown({})).not.toContain("Partitions");
  });

  it("stays small with many tables", () => {
    const tables = Array.from({ length: 2_000 }, (_, i) => tableStatus(`t${i}`));
    expect(shown({ tables })).toContain("and 1,500 more, all in step");
    const loading = tables.map((table) => ({ ...table, state: "INIT_SYNC" as const }));
    expect(shown({ tables: loading })).toContain("and 1,500 more, 1,500 of them not in step");
  });

  it("has no links where they could not bring the token along", () => {
    expect(page("1", false).body).toContain('href="/metrics"');
    expect(page("1", true).body).not.toContain('href="/');
  });

  it("runs no script but its own and loads nothing from elsewhere", () => {
    const { body, policy } = page("1.2.3", false);
    expect(policy).toMatch(/^default-src 'none'; /);
    for (const [kind, pattern] of [
      ["style", /<style>([^]*?)<\/style>/g],
      ["script", /<script>([^]*?)<\/script>/g],
    ] as const) {
      const found = [...body.matchAll(pattern)].map(([, text]) => hashOf(text ?? ""));
      expect(found).toHaveLength(1);
      expect(policy).toContain(`; ${kind}-src '${found[0]}'; `);
    }
    expect(body).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    expect(body).not.toMatch(/ on\w+=| style="/);
  });
});

describe("curves", () => {
  it("count rows a second from one look to the next, and not over a restart", () => {
    let nowMs = 1_000;
    const history = new History(() => nowMs);
    const look = (rowsLoaded: number, changes: number) => {
      history.sample([taskStatus("shop", { tables: [tableStatus("t", { rowsLoaded, changes })] })]);
      nowMs += 2_000;
    };
    look(100, 0);
    look(300, 20);
    look(0, 5);
    look(0, 9);
    expect(history.of("shop").map(({ rowsPerSecond }) => rowsPerSecond)).toEqual([
      null,
      110,
      null,
      2,
    ]);
    expect(history.of("other")).toEqual([]);
    for (let i = 0; i < 500; i++) look(0, 9);
    expect(history.of("shop")).toHaveLength(120);
  });

  it("have gaps where nothing is known", () => {
    const { text } = curve([1, null, 4, 2], { slots: 4, least: 1, label: "l" });
    expect(text.match(/class="line" d="[^"]+"/g)).toEqual([
      'class="line" d="M0 32"',
      'class="line" d="M160 2L240 22"',
    ]);
  });
});

describe("what happened", () => {
  it("keeps the newest lines of each pipeline, the newest first", () => {
    const lines = new EventLines();
    const event = { pipeline: "shop", atMs: Date.UTC(2026, 0, 1, 9, 5, 7) } as const;
    lines.add({ ...event, type: "notice", message: "first" });
    lines.add({ ...event, type: "caught-up" });
    lines.add({ ...event, pipeline: "other", type: "caught-up" });
    expect(lines.of("shop")).toEqual(["09:05:07 caught up with the source", "09:05:07 first"]);
    for (let i = 0; i < 99; i++) lines.add({ ...event, type: "notice", message: `${i}` });
    expect(lines.of("shop")).toHaveLength(50);
    expect(lines.of("shop")[0]).toBe("09:05:07 98");
  });
});
