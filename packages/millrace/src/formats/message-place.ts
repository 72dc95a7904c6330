import { ScannedBytes } from "./scanned-bytes.ts";

/** Where a message stands; −1 as the start of what it does not have. The bytes of both may be the same. */
export interface MessagePlace {
  readonly keyBytes: ScannedBytes;
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly bytes: ScannedBytes;
  readonly valueStart: number;
  readonly valueEnd: number;
}

const NO_BYTES = new ScannedBytes(Buffer.alloc(0));

/** Of a message that stands by itself. */
export function placeOf(key: Buffer | null, value: Buffer | null): MessagePlace {
  return {
    keyBytes: key === null ? NO_BYTES : new ScannedBytes(key),
    keyStart: key === null ? -1 : 0,
    keyEnd: key?.length ?? -1,
    bytes: value === null ? NO_BYTES : new ScannedBytes(value),
    valueStart: value === null ? -1 : 0,
    valueEnd: value?.length ?? -1,
  };
}
