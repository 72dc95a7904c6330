import { bytesText, coded, durationText, grouped } from "../../cli/event-text.ts";
import { shortId } from "../../cli/dead-letter-text.ts";
import { ageText } from "../../cli/protection-text.ts";
import type { DeadLetter } from "../../model/dead-letter.ts";
import type { TaskStatus } from "../../pipeline/status.ts";
import { curve } from "./chart.ts";
import type { Sample } from "./history.ts";
import { html, type Html } from "./html.ts";
import { tableRows } from "./table-rows.ts";

/** What the dashboard shows of one pipeline. */
export interface ShownPipeline {
  readonly status: TaskStatus;
  readonly samples: readonly Sample[];
  /** The newest dead letters; without values of their rows. */
  readonly letters: readonly DeadLetter[];
  /** The newest events, as lines. */
  readonly events: readonly string[];
}

/** What is inside the page's `main`. */
export function view(pipelines: readonly ShownPipeline[]): Html {
  if (pipelines.length === 0) return html`<p class="empty">No pipeline runs in this process.</p>`;
  return html`${pipelines.map(pipelineView)}`;
}

/** How many curve values fill the width: two minutes. */
const SLOTS = 120;

function pipelineView({ status, samples, letters, events }: ShownPipeline): Html {
  return html`<section
    class="pipeline"
    data-key="${status.pipeline}"
    aria-label="pipeline ${status.pipeline}"
  >
    <header>
      <h2>${status.pipeline}</h2>
      <span class="badge ${status.state}">${status.state}</span>
      <span class="actions">${actions(status)}</span>
    </header>
    ${troubles(status)}
    <div class="figures">${figures(status, samples)}</div>
    ${tableRows(status)} ${partitionsView(status)} ${lettersView(status, letters)}
    ${eventsView(events)}
  </section>`;
}

function actions({ pipeline, state }: TaskStatus): Html[] {
  const post = (action: string) => `/api/v1/pipelines/${encodeURIComponent(pipeline)}/${action}`;
  const isPaused = state === "paused";
  const isOver = state === "stopped" || state === "failed" || state === "fenced";
  const word = isPaused ? "Resume" : "Pause";
  const pause = html`<button
    data-post="${post(isPaused ? "resume" : "pause")}"
    aria-label="${word} ${pipeline}"
  >
    ${word}
  </button>`;
  const restart = html`<button
    data-post="${post("restart")}"
    aria-label="Restart ${pipeline}"
    data-confirm="Stop ${pipeline} and start it again from its state at the sink?"
  >
    Restart
  </button>`;
  return isOver ? [restart] : [pause, restart];
}

/** What an operator has to see first: why it failed, what is tried again, what waits for anything else. */
function troubles(status: TaskStatus): Html {
  const { error, retrying, unfinished, waits } = status;
  return html`<div class="troubles">
    ${error === null ? null : trouble("bad", coded(error), error.remedy)}
    ${retrying === null ? null : trouble("warn", `${coded(retrying)} (attempt ${retrying.attempts})`, retrying.remedy)}
    ${unfinished === null ? null : trouble("warn", unfinished, "Nothing is lost: the next start reads it again.")}
    ${waits.filter(({ reason }) => reason !== retrying?.code).map(({ what, table, why }) => trouble("wait", `${table ?? what} waits: ${why}`, ""))}
  </div>`;
}

function trouble(kind: string, text: string, remedy: string): Html {
  return html`<p class="trouble ${kind}">
    <span>${text}</span>${remedy === "" ? null : html`<em>${remedy}</em>`}
  </p>`;
}

function figures(status: TaskStatus, samples: readonly Sample[]): Html[] {
  const rates = samples.map(({ rowsPerSecond }) => rowsPerSecond);
  const lags = samples.map(({ lagMs }) => lagMs);
  const rate = rates.at(-1) ?? null;
  return [
    figure("Rows a second", rate === null ? "–" : grouped(rate), "loaded and changed", {
      values: rates,
      least: 10,
    }),
    figure("Lag", status.lagMs === null ? "–" : durationText(status.lagMs), lagNote(status), {
      values: lags,
      least: 1_000,
    }),
    progress(status),
    kept(status),
    figure(
      "Memory for rows",
      bytesText(status.bufferBytes),
      `of ${bytesText(status.bufferLimitBytes)} that may wait`,
    ),
    ...kafkaFigures(samples),
  ];
}

/** Of a sink of topics, from the first second on in which it sends something. */
function kafkaFigures(samples: readonly Sample[]): Html[] {
  const rates = samples.map(({ kafka }) => kafka);
  const last = rates.findLast((each) => each !== null);
  if (last === undefined || last === null) return [];
  const { commitsPerSecond, othersInAll } = last;
  const times = rates.map((each) => each?.commitMs ?? null);
  const produce = rates.findLast((each) => typeof each?.produceMs === "number")?.produceMs ?? null;
  const commit = times.findLast((each) => each !== null) ?? null;
  const held = rates.reduce((sum, each) => sum + (each?.throttledShare ?? 0), 0);
  const given = othersInAll === 0 ? "" : `; ${grouped(othersInAll)} given up so far`;
  const quota =
    held < HELD_SHOWN_S ? "" : `; held back by a quota for ${durationText(held * 1000)}`;
  const both = {
    values: rates.map((each) => each?.commitsPerSecond ?? null),
    least: 10,
  };
  return [
    figure("Kafka transactions a second", grouped(commitsPerSecond), `committed${given}`, both),
    figure(
      "Kafka transaction",
      commit === null ? "–" : durationText(commit),
      `${produce === null ? "nothing sent" : `brokers acknowledge in ${durationText(produce)}`}${quota}`,
      { values: times, least: 50 },
    ),
  ];
}

/** So much of the last two minutes, seconds, is not worth a word. */
const HELD_SHOWN_S = 0.1;

function lagNote({ lagBytes, channels }: TaskStatus): string {
  const messages = channels.flatMap(({ lagMessages = null }) => lagMessages ?? []);
  if (messages.length > 0)
    return `${grouped(messages.reduce((sum, each) => sum + each, 0))} messages to read`;
  return lagBytes === null ? "behind the source" : `${bytesText(lagBytes)} of log to read`;
}

/** So many of those that are furthest behind are shown. */
const MOST_PARTITIONS = 50;

/** Of topics: how many messages of each partition are to be read, the most first. */
function partitionsView({ channels }: TaskStatus): Html | null {
  const partitions = channels.flatMap(({ id, lagMessages }) =>
    lagMessages === undefined ? [] : [{ name: id.replace(/\/log$/, ""), lagMessages }],
  );
  if (partitions.length === 0) return null;
  const sorted = partitions.toSorted((a, b) => order(b.lagMessages) - order(a.lagMessages));
  const rest = sorted.length - MOST_PARTITIONS;
  return html`<details class="partitions">
    <summary>Partitions of this process (${grouped(partitions.length)})</summary>
    <div class="wide">
      <table>
        <thead>
          <tr>
            <th>Partition</th>
            <th class="number">Messages to read</th>
          </tr>
        </thead>
        <tbody>
          ${sorted.slice(0, MOST_PARTITIONS).map(
            ({ name, lagMessages }) =>
              html`<tr data-key="${name}">
                <td>${name}</td>
                <td class="number" data-label="Messages to read">
                  ${lagMessages === null ? "–" : grouped(lagMessages)}
                </td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${rest > 0 ? html`<p class="empty">and ${grouped(rest)} more that are nearer to their end</p>` : null}
  </details>`;
}

/** What nobody knows may be the most. */
function order(lagMessages: number | null): number {
  return lagMessages ?? Number.MAX_SAFE_INTEGER;
}

/** While a start has read nothing, there is none whose age could be told. */
function progress({ state, channels, progressAgeMs }: TaskStatus): Html {
  const isNone = state === "starting" && channels.every(({ frontier }) => frontier === null);
  return isNone
    ? figure("Last progress", "–", "nothing yet")
    : figure("Last progress", `${durationText(progressAgeMs)} ago`, "the frontier moved");
}

function kept({ retention }: TaskStatus): Html {
  const name = "Kept at the source";
  if (retention === null) return figure(name, "–", "nothing yet");
  const { retainedBytes, limitBytes, limitSeconds, expireSeconds } = retention;
  if (retainedBytes === null)
    return expireSeconds === null
      ? figure(name, "–", "its size is not told")
      : figure(name, ageText(expireSeconds), "then records are dropped");
  const note =
    limitSeconds !== null
      ? `the limit is met in ${ageText(limitSeconds)}`
      : limitBytes !== null
        ? `of ${bytesText(limitBytes)}`
        : expireSeconds !== null
          ? `dropped after ${ageText(expireSeconds)}`
          : "without a limit";
  return figure(name, bytesText(retainedBytes), note);
}

interface Curve {
  readonly values: readonly (number | null)[];
  readonly least: number;
}

function figure(name: string, value: string, note: string, over?: Curve): Html {
  const label = `${name} over the last two minutes`;
  return html`<div class="figure">
    <h3>${name}</h3>
    <strong>${value}</strong>
    <small>${note}</small>
    ${over === undefined ? null : curve(over.values, { slots: SLOTS, least: over.least, label })}
  </div>`;
}

function lettersView({ pipeline }: TaskStatus, letters: readonly DeadLetter[]): Html | null {
  if (letters.length === 0) return null;
  return html`<details class="letters" open>
    <summary>Dead letters</summary>
    <div class="wide">
      <table>
        <thead>
          <tr>
            <th>Table</th>
            <th>Letter</th>
            <th>Why</th>
            <th class="number">Attempts</th>
            <th></th>
          </tr>
        </thead>
        <tbody>
          ${letters.map((letter) => letterRow(pipeline, letter))}
        </tbody>
      </table>
    </div>
  </details>`;
}

function letterRow(pipeline: string, { id, table, code, reason, attempts }: DeadLetter): Html {
  const post = (action: string) =>
    `/api/v1/pipelines/${encodeURIComponent(pipeline)}/dead-letters/${encodeURIComponent(id)}/${action}`;
  const short = shortId(id);
  return html`<tr data-key="${id}">
    <td>${table}</td>
    <td><code>${short}</code></td>
    <td><code>${code}</code> ${reason}</td>
    <td class="number" data-label="Attempts">${attempts}</td>
    <td class="actions">
      <button data-post="${post("replay")}" aria-label="Replay ${short} of ${table}">Replay</button>
      <button
        data-post="${post("discard")}"
        aria-label="Discard ${short} of ${table}"
        data-confirm="Give up the row of ${table} (letter ${short})? The target keeps what it has."
      >
        Discard
      </button>
    </td>
  </tr>`;
}

/** So many of the newest are seen at once. */
const NEWEST = 8;

function eventsView(events: readonly string[]): Html | null {
  if (events.length === 0) return null;
  const earlier = events.slice(NEWEST);
  return html`<details class="events" open>
    <summary>What happened</summary>
    ${lines(events.slice(0, NEWEST))}
    ${
      earlier.length === 0
        ? null
        : html`<details>
            <summary>${earlier.length} earlier</summary>
            ${lines(earlier)}
          </details>`
    }
  </details>`;
}

function lines(events: readonly string[]): Html {
  return html`<ol>
    ${events.map((line) => html`<li>${line}</li>`)}
  </ol>`;
}
