import type { Context, Hono } from "hono";
import { streamSSE, type SSEStreamingApi } from "hono/streaming";
import { MillraceError } from "../errors/millrace-error.ts";
import type { AppParts } from "./app.ts";
import { page } from "./dashboard/page.ts";
import type { WatchedPipeline } from "./dashboard/watcher.ts";

/** Connections that are told things as they happen, of all kinds together (I10). */
const MOST_LISTENERS = 64;
/** A proxy between closes what is silent for long. */
const BEAT_MS = 15_000;

/** What tells events. */
type Teller = Pick<WatchedPipeline, "name" | "events">;

/** `/api/v1/events`, and the dashboard with what it is drawn from. `closing` ends all that listens. */
export function addEvents(
  app: Hono,
  pipelines: readonly Teller[],
  parts: Pick<AppParts, "watcher" | "version" | "closing" | "token" | "beatMs">,
): void {
  const { watcher, version, closing, token } = parts;
  const open = new Listeners(closing, parts.beatMs ?? BEAT_MS);
  const { body, policy } = page(version, token !== null);
  app.get("/", (context) =>
    context.html(body, 200, {
      "content-security-policy": policy,
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
    }),
  );
  app.get("/dashboard/live", (context) =>
    open.stream(context, async (stream, signal) => {
      const ended = Promise.withResolvers<void>();
      signal.addEventListener("abort", () => ended.resolve(), { once: true });
      let isBusy = false;
      const stop = watcher.follow((markup) => {
        if (isBusy) return; // whoever reads slowly gets fewer of them (I10)
        isBusy = true;
        const sent = stream.writeSSE({ data: JSON.stringify(markup) });
        sent.then(() => (isBusy = false), ended.resolve);
      });
      await ended.promise;
      stop();
    }),
  );
  app.get("/api/v1/events", (context) => {
    const told = chosen(pipelines, context.req.query("pipeline"));
    return open.stream(context, async (stream, signal) => {
      const tellers = told.map((pipeline) => tell(pipeline, stream, signal));
      await Promise.all(tellers);
    });
  });
}

function chosen(pipelines: readonly Teller[], name: string | undefined): readonly Teller[] {
  if (name === undefined) return pipelines;
  const found = pipelines.filter((pipeline) => pipeline.name === name);
  if (found.length > 0) return found;
  throw new MillraceError("MR_NOT_FOUND", `there is no pipeline ${name} in this process`);
}

/** Events of a pipeline, also after it was started again, until nobody listens. */
async function tell(pipeline: Teller, stream: SSEStreamingApi, signal: AbortSignal): Promise<void> {
  const events = pipeline.events({ overRestarts: true });
  const leave = () => void events.return?.();
  signal.addEventListener("abort", leave, { once: true });
  if (signal.aborted) leave();
  for await (const event of events)
    await stream.writeSSE({ event: event.type, data: JSON.stringify(event) });
  signal.removeEventListener("abort", leave);
}

/** Bounds how many listen at once, keeps their connections alive, and ends them with the listener. */
class Listeners {
  readonly #closing: AbortSignal;
  readonly #beatMs: number;
  #count = 0;

  constructor(closing: AbortSignal, beatMs: number) {
    this.#closing = closing;
    this.#beatMs = beatMs;
  }

  stream(
    context: Context,
    work: (stream: SSEStreamingApi, signal: AbortSignal) => Promise<void>,
  ): Response {
    if (this.#count >= MOST_LISTENERS)
      throw new MillraceError(
        "MR_TOO_MANY_LISTENERS",
        `${MOST_LISTENERS} connections listen already`,
      );
    // What is answered without its body would never be seen to leave.
    if (context.req.method === "HEAD")
      return context.body(null, 200, { "content-type": "text/event-stream" });
    this.#count++;
    return streamSSE(context, async (stream) => {
      const gone = new AbortController();
      stream.onAbort(() => gone.abort());
      const stop = this.#beat(stream, () => {
        gone.abort();
        cutOff(context);
      });
      try {
        await work(stream, AbortSignal.any([gone.signal, this.#closing]));
      } finally {
        stop();
        this.#count--;
      }
    });
  }

  /** Keeps a connection alive; whoever takes nothing from one beat to the next is as good as gone. */
  #beat(stream: SSEStreamingApi, isGone: () => void): () => void {
    let isTaken = true;
    const beat = setInterval(() => {
      if (!isTaken) return isGone();
      isTaken = false;
      stream.write(": \n\n").then(() => (isTaken = true), isGone);
    }, this.#beatMs);
    return () => clearInterval(beat);
  }
}

/** Closes the connection of a request: its answer would wait for a reader for ever. */
function cutOff(context: Context): void {
  const { outgoing } = (context.env ?? {}) as { readonly outgoing?: { destroy(): unknown } };
  outgoing?.destroy();
}
