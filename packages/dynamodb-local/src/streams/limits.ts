/** The rates of the Streams API, for who wants to be held to them. */
import type { Call, Handler } from "../call.ts";
import { textIn } from "../json.ts";
import { streamBounds } from "../rules/streams.ts";
import { refuse } from "../rules/table.ts";
import { readIterator } from "./iterator.ts";

const WINDOW_MS = 1_000;

/** Calls of the last second, by what they are counted for. */
class RateWindow {
  readonly #calls = new Map<string, number[]>();

  /** Counts a call; false where there were as many already. */
  admit(name: string, most: number, nowMs: number): boolean {
    const recent = (this.#calls.get(name) ?? []).filter((ms) => nowMs - ms < WINDOW_MS);
    const isWithin = recent.length < most;
    this.#calls.set(name, isWithin ? [...recent, nowMs] : recent);
    return isWithin;
  }
}

/** Holds DescribeStream and GetRecords to their rates, where the settings say so. */
export function limited(handler: Handler, action: "DescribeStream" | "GetRecords"): Handler {
  const windows = new WeakMap<object, RateWindow>();
  return async (call) => {
    if (call.realm.settings.streamLimits) {
      const window = windows.get(call.realm) ?? new RateWindow();
      windows.set(call.realm, window);
      if (action === "DescribeStream") admitDescribe(window);
      else admitRead(window, call);
    }
    return handler(call);
  };
}

function admitDescribe(window: RateWindow): void {
  if (!window.admit("DescribeStream", streamBounds.describesPerSecond, performance.now())) {
    throw refuse("describeRate");
  }
}

function admitRead(window: RateWindow, { request }: Call): void {
  const place = readIterator(textIn(request, "ShardIterator") ?? "");
  if (place === undefined) return;
  const most = streamBounds.readsPerShardAndSecond;
  if (!window.admit(`${place.arn} ${place.shardId}`, most, performance.now())) {
    throw refuse("readRate", { shard: place.shardId });
  }
}
