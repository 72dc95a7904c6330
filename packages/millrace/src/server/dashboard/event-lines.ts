import { eventText } from "../../cli/event-text.ts";
import type { PipelineEvent } from "../../pipeline-handle.ts";

/** How many of the newest are kept of a pipeline (I10). */
const KEPT = 50;

/** The newest events of each pipeline, as lines, the newest first. */
export class EventLines {
  readonly #lines = new Map<string, string[]>();

  add(event: PipelineEvent): void {
    // How far a load has come is in the table's row.
    if (event.type === "progress") return;
    const text = eventText(event);
    if (text === null) return;
    const line = `${new Date(event.atMs).toISOString().slice(11, 19)} ${text}`;
    const lines = this.#lines.get(event.pipeline) ?? [];
    this.#lines.set(event.pipeline, [line, ...lines].slice(0, KEPT));
  }

  of(pipeline: string): readonly string[] {
    return this.#lines.get(pipeline) ?? [];
  }
}
