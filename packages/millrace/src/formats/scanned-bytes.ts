/**
 * Bytes that are gone over by words: four at a time, where they are only compared or passed over. Reading a word needs three
 * bytes behind the first.
 */
export class ScannedBytes {
  readonly bytes: Buffer;
  readonly view: DataView;
  /** The last place at which a word begins. */
  readonly lastWord: number;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.lastWord = bytes.length - WORD_BYTES;
  }
}

/** Bytes of a word. */
export const WORD_BYTES = 4;
