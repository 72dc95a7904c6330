import { MillraceError } from "../../errors/millrace-error.ts";

/** Something that the binlog's format does not allow. Carries offsets and types only, never bytes of rows. */
export function protocolError(what: string): MillraceError {
  return new MillraceError("MR_SOURCE_PROTOCOL", what);
}

/** Reads what is rare, everything but rows, little-endian as MySQL writes. Never beyond `end`. */
export class ByteCursor {
  readonly #buffer: Buffer;
  readonly #end: number;
  #at: number;

  constructor(buffer: Buffer, start: number, end: number) {
    this.#buffer = buffer;
    this.#at = start;
    this.#end = end;
  }

  get at(): number {
    return this.#at;
  }

  get left(): number {
    return this.#end - this.#at;
  }

  uint8(): number {
    return this.#buffer.readUInt8(this.#advance(1));
  }

  uint16(): number {
    return this.#buffer.readUInt16LE(this.#advance(2));
  }

  uint32(): number {
    return this.#buffer.readUInt32LE(this.#advance(4));
  }

  uint48(): number {
    return this.#buffer.readUIntLE(this.#advance(6), 6);
  }

  /** @throws MillraceError where it is beyond 2^53. */
  uint64(): number {
    const at = this.#advance(8);
    const high = this.#buffer.readUInt32LE(at + 4);
    if (high >= 0x20_0000) throw protocolError("a number beyond 2^53");
    return high * 0x1_0000_0000 + this.#buffer.readUInt32LE(at);
  }

  /** A length-encoded integer of the client protocol. @throws MillraceError where it is beyond 2^53, or NULL's mark. */
  lengthEncoded(): number {
    const first = this.uint8();
    if (first < 0xfb) return first;
    if (first === 0xfc) return this.uint16();
    if (first === 0xfd) return this.#buffer.readUIntLE(this.#advance(3), 3);
    if (first === 0xfe) return this.uint64();
    throw protocolError("a length that is none");
  }

  /** UTF-8. */
  text(bytes: number): string {
    const at = this.#advance(bytes);
    return this.#buffer.toString("utf8", at, at + bytes);
  }

  /** A view of the buffer, good as long as that is. */
  bytes(count: number): Buffer {
    const at = this.#advance(count);
    return this.#buffer.subarray(at, at + count);
  }

  skip(bytes: number): void {
    this.#advance(bytes);
  }

  /** A cursor over the next bytes alone; this one goes on behind them. */
  part(bytes: number): ByteCursor {
    const at = this.#advance(bytes);
    return new ByteCursor(this.#buffer, at, at + bytes);
  }

  #advance(bytes: number): number {
    const at = this.#at;
    if (bytes < 0 || at + bytes > this.#end) throw protocolError("an event that ends too early");
    this.#at = at + bytes;
    return at;
  }
}
