/** What a change of an item becomes in its stream. */
import { itemBytes, sameValue, type Item } from "../items/item.ts";
import { keyOf, type KeyNames } from "../items/key.ts";

/** What a stream keeps of an item. */
export const VIEW_TYPES = ["NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES", "KEYS_ONLY"] as const;

/** One of them. */
export type ViewType = (typeof VIEW_TYPES)[number];

/** An item before and after one write. */
export interface ItemChange {
  readonly before: Item | undefined;
  readonly after: Item | undefined;
  /** The service itself deleted it, because its time to live was over. */
  readonly expired?: boolean;
}

/** What every record of a stream says. */
export interface RecordFrame {
  readonly region: string;
  readonly keyNames: KeyNames;
  readonly viewType: ViewType;
}

/** What this record says. */
export interface RecordPlace {
  readonly eventId: string;
  readonly sequence: bigint;
  readonly writtenMs: number;
}

/** Whether a write changed nothing: it leaves no record. */
export function changesNothing({ before, after }: ItemChange): boolean {
  return before === undefined || after === undefined ? before === after : sameValue(before, after);
}

/** The record, as GetRecords gives it, and its size. */
export function recordOf(
  change: ItemChange,
  { region, keyNames, viewType }: RecordFrame,
  { eventId, sequence, writtenMs }: RecordPlace,
): { readonly wire: Readonly<Record<string, unknown>>; readonly bytes: number } {
  const { before, after } = change;
  const keys = keyOf(keyNames, after ?? before ?? {});
  const images = imagesOf(change, viewType);
  const parts = [keys, images.NewImage, images.OldImage];
  const bytes = parts.reduce((sum, part) => sum + (part === undefined ? 0 : itemBytes(part)), 0);
  const dynamodb = {
    ApproximateCreationDateTime: Math.floor(writtenMs / 1_000),
    Keys: keys,
    ...images,
    SequenceNumber: String(sequence),
    SizeBytes: bytes,
    StreamViewType: viewType,
  };
  const wire = {
    eventID: eventId,
    eventName: eventName(before, after),
    eventVersion: "1.1",
    eventSource: "aws:dynamodb",
    awsRegion: region,
    dynamodb,
    ...(change.expired === true ? { userIdentity: TIME_TO_LIVE } : {}),
  };
  return { wire, bytes };
}

const TIME_TO_LIVE = { PrincipalId: "dynamodb.amazonaws.com", Type: "Service" };

function eventName(before: Item | undefined, after: Item | undefined): string {
  if (after === undefined) return "REMOVE";
  return before === undefined ? "INSERT" : "MODIFY";
}

function imagesOf(
  { before, after }: ItemChange,
  viewType: ViewType,
): { NewImage?: Item; OldImage?: Item } {
  const showsNew = viewType === "NEW_IMAGE" || viewType === "NEW_AND_OLD_IMAGES";
  const showsOld = viewType === "OLD_IMAGE" || viewType === "NEW_AND_OLD_IMAGES";
  return {
    ...(showsNew && after !== undefined ? { NewImage: after } : {}),
    ...(showsOld && before !== undefined ? { OldImage: before } : {}),
  };
}
