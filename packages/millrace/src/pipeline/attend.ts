import { failpoint } from "../model/failpoint.ts";
import type { ByteAccount } from "./byte-budget.ts";
import type { Meeting } from "./lane-item.ts";
import type { MeetingWriter } from "./meeting-writer.ts";
import { until } from "./until.ts";

/** What a lane has for it. */
interface Attendance {
  readonly meetings: MeetingWriter;
  readonly logBytes: ByteAccount;
  readonly signal: AbortSignal;
}

/**
 * A lane stops at a key change that needs more than its own lane row: the last lane to come lets the owner write (I2).
 * Resolves once that is durable.
 */
export async function attend(
  meeting: Meeting,
  lane: number,
  { meetings, logBytes, signal }: Attendance,
): Promise<void> {
  if (++meeting.arrived === meeting.lanes.length) meeting.gather();
  if (meeting.owner === lane) {
    await until(signal, meeting.gathered);
    failpoint("lane.meeting");
    try {
      await meetings.write(meeting);
      meeting.finish();
    } catch (thrown) {
      meeting.finish(thrown);
      throw thrown;
    }
    logBytes.give(meeting.bytes);
  } else {
    // What breaks the owner ends the run, and with it this wait.
    await until(
      signal,
      meeting.done.catch(() => new Promise<never>(() => {})),
    );
  }
}
