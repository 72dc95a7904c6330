import { coded, grouped } from "../../cli/event-text.ts";
import type { TableStatus, TaskStatus } from "../../pipeline/status.ts";
import { html, type Html } from "./html.ts";

/** As many tables as a page can show without becoming slow; the others are counted. */
const MOST_TABLES = 500;

/** The tables of a pipeline, those that need attention first. */
export function tableRows({ pipeline, state, tables, channels }: TaskStatus): Html {
  if (tables.length === 0)
    return html`<p class="empty">${state === "starting" ? "Starting …" : "No tables yet."}</p>`;
  // What was read of a topic is not loaded again, nor left out for a while.
  const isTopic = channels.some(({ lagMessages }) => lagMessages !== undefined);
  const sorted = [...tables].sort((a, b) => urgency(b) - urgency(a));
  const shown = sorted.slice(0, MOST_TABLES);
  const rest = sorted.slice(MOST_TABLES);
  return html`<div class="wide">
      <table class="tables">
        <thead>
          <tr>
            <th>Table</th>
            <th>State</th>
            <th class="number">Rows loaded</th>
            <th class="number">Changes</th>
            <th class="number">Dead letters</th>
            <th></th>
          </tr>
        </thead>
        <tbody>
          ${shown.map((table) => tableRow(pipeline, table, isTopic))}
        </tbody>
      </table>
    </div>
    ${restNote(rest)}`;
}

function restNote(rest: readonly TableStatus[]): Html | null {
  if (rest.length === 0) return null;
  const busy = rest.filter((table) => urgency(table) > 0).length;
  const how = busy === 0 ? "all in step" : `${grouped(busy)} of them not in step`;
  return html`<p class="empty">and ${grouped(rest.length)} more, ${how}</p>`;
}

function urgency({ stopped, deadLetters, state, paused }: TableStatus): number {
  if (stopped !== null) return 4;
  if (deadLetters > 0) return 3;
  if (paused !== null) return 2;
  return state === "SYNC" ? 0 : 1;
}

function tableRow(pipeline: string, table: TableStatus, isTopic: boolean): Html {
  const { id, targets, rowsLoaded, changes, deadLetters } = table;
  const names = targets.filter((target) => target !== id).join(", ");
  return html`<tr data-key="${id}">
    <td>
      <span class="name">${id}</span
      >${names === "" ? null : html` <small>→ ${names}</small>`}${notes(table)}
    </td>
    <td>${stateOf(table)}</td>
    <td class="number" data-label="Rows loaded">${isTopic ? "–" : grouped(rowsLoaded)}</td>
    <td class="number" data-label="Changes">${grouped(changes)}</td>
    <td class="number ${deadLetters > 0 ? "bad" : "none"}" data-label="Dead letters">
      ${grouped(deadLetters)}
    </td>
    <td class="actions">${isTopic ? null : buttons(pipeline, table)}</td>
  </tr>`;
}

function notes({ stopped, notices }: TableStatus): Html {
  const why = stopped === null ? null : html`<p class="trouble bad">${coded(stopped)}</p>`;
  return html`${why}${notices.map((notice) => html`<p class="notice">${notice}</p>`)}`;
}

function stateOf({ state, stopped, paused, loadedPercent }: TableStatus): Html {
  if (stopped !== null) return html`<span class="badge failed">stopped</span>`;
  if (paused !== null) return html`<span class="badge paused">paused</span>`;
  if (state !== "INIT_SYNC") return html`<span class="badge ${state}">${state}</span>`;
  // Of what nobody knows the size of there is no part to show.
  const bar =
    loadedPercent === null
      ? html`<small>size not known</small>`
      : html`<progress max="100" value="${loadedPercent}" aria-label="loaded">
            ${loadedPercent} %
          </progress>
          <small>${loadedPercent} %</small>`;
  return html`<span class="badge INIT_SYNC">INIT_SYNC</span> ${bar}`;
}

function buttons(pipeline: string, { id, paused }: TableStatus): Html {
  const post = (action: string) =>
    `/api/v1/pipelines/${encodeURIComponent(pipeline)}/tables/${encodeURIComponent(id)}/${action}`;
  // A resume loads it again, too.
  if (paused !== null)
    return html`<button data-post="${post("resume")}" aria-label="Resume ${id}">Resume</button>`;
  return html`<button
      data-post="${post("pause")}"
      aria-label="Pause ${id}"
      data-confirm="Pause ${id}? Its changes are left out; resume loads it again."
    >
      Pause
    </button>
    <button
      data-post="${post("resync")}"
      aria-label="Resync ${id}"
      data-confirm="Load ${id} again? Its target stays in use meanwhile."
    >
      Resync
    </button>`;
}
