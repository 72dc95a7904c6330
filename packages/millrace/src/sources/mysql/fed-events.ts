import { type EventSink, stepsOf } from "./event-steps.ts";
import { EventType } from "./event-types.ts";
import { saysChecksums } from "./file-events.ts";
import type { FoundEvent } from "./log-probe.ts";

/** Who takes in events until he has what he wants. */
export interface EndingSink extends EventSink {
  readonly isDone: boolean;
}

/** Gives a sink the events of a log, step by step, until it has what it wants or they end. @throws MillraceError */
export async function* fedFrom(
  events: AsyncGenerator<FoundEvent>,
  sink: EndingSink,
): AsyncGenerator<void> {
  for await (const { reader, framing } of events) {
    if (reader.type === EventType.FORMAT_DESCRIPTION) reader.hasChecksums = saysChecksums(reader);
    const steps = stepsOf(reader, framing, sink);
    if (steps === null) sink.feed(reader);
    else yield* steps;
    if (sink.isDone) return;
    yield;
  }
}
