import "../../bytes/buffer-slices.ts";
import { DIFFERENCES, SINGLE_BYTE } from "./charset-tables.ts";

/** How the bytes of a charset become text. */
export interface Charset {
  readonly name: string;
  /** utf8mb4 or a part of it: ASCII is found, and what is not goes the platform's way. */
  readonly isUtf8: boolean;
  /** Bytes below 128 are ASCII, and never part of another character at the beginning of one. */
  readonly isAsciiCompatible: boolean;
  decode(buffer: Buffer, start: number, end: number): string;
}

/** What the servers have for a character that Unicode, or they, do not have. */
const UNKNOWN = 0x3f;

const charsets = new Map<string, Charset | null>();

/** A charset by the servers' name for it; null where it is none. Made at first use, and kept. */
export function charsetOf(name: string): Charset | null {
  let charset = charsets.get(name);
  if (charset === undefined) {
    charset = make(name);
    charsets.set(name, charset);
  }
  return charset;
}

function make(name: string): Charset | null {
  if (name === "utf8mb4" || name === "utf8mb3" || name === "utf8") return utf8(name);
  const single = SINGLE_BYTE[name];
  if (single !== undefined) return singleByte(name, single);
  const differences = DIFFERENCES[name];
  if (differences !== undefined) return multiByte(name, differences);
  const wide = WIDE[name];
  return wide === undefined
    ? null
    : { name, isUtf8: false, isAsciiCompatible: false, decode: wide };
}

function utf8(name: string): Charset {
  return {
    name,
    isUtf8: true,
    isAsciiCompatible: true,
    decode: (buffer, start, end) => buffer.utf8Slice(start, end),
  };
}

/** Gives each pair of a run list to `set`; a character that is missing is {@link UNKNOWN}. */
function eachOf(runs: string, set: (code: number, character: number) => void): void {
  for (const run of runs.split(" ").filter((text) => text !== "")) {
    const [, code = "", count = "1", character = ""] =
      /^([0-9a-f]+)(?:\*([0-9a-f]+))?=([0-9a-f]*)$/.exec(run) ?? [];
    for (let index = 0; index < parseInt(count, 16); index += 1) {
      const to = character === "" ? UNKNOWN : parseInt(character, 16) + index;
      set(parseInt(code, 16) + index, to);
    }
  }
}

function singleByte(name: string, runs: string): Charset {
  const table = Uint16Array.from({ length: 256 }, (_, byte) => (byte < 0x80 ? byte : UNKNOWN));
  let isAsciiCompatible = true;
  eachOf(runs, (byte, character) => {
    table[byte] = character;
    if (byte < 0x80) isAsciiCompatible = false;
  });
  const decode = (buffer: Buffer, start: number, end: number): string => {
    let text = "";
    for (let at = start; at < end; at += 1)
      text += String.fromCharCode(table[buffer[at] ?? 0] ?? UNKNOWN);
    return text;
  };
  return { name, isUtf8: false, isAsciiCompatible, decode };
}

/** The platform's name of what comes nearest. */
const PLATFORM: Readonly<Record<string, string>> = {
  big5: "big5",
  cp932: "shift_jis",
  sjis: "shift_jis",
  eucjpms: "euc-jp",
  ujis: "euc-jp",
  euckr: "euc-kr",
  gb2312: "gbk",
  gbk: "gbk",
  gb18030: "gb18030",
};

/** Bytes of the character that begins with these two. */
function characterBytes(name: string, first: number, second: number): number {
  if (first < 0x80) return 1;
  if (name === "sjis" || name === "cp932") return first >= 0xa1 && first <= 0xdf ? 1 : 2;
  if (name === "ujis" || name === "eucjpms") return first === 0x8f ? 3 : 2;
  if (name === "gb18030") return second >= 0x30 && second <= 0x39 ? 4 : 2;
  return 2;
}

function multiByte(name: string, runs: string): Charset {
  const decoder = new TextDecoder(PLATFORM[name]);
  const known = new Map<number, string>();
  eachOf(runs, (code, character) => known.set(code, String.fromCodePoint(character)));
  if (name === "euckr") addSyllables(known, decoder);
  for (let byte = 0; byte < 0x80; byte += 1) known.set(byte, String.fromCharCode(byte));
  const character = (buffer: Buffer, at: number, end: number): string => {
    let code = 0;
    for (let from = at; from < end; from += 1) code = code * 256 + (buffer[from] ?? 0);
    const seen = known.get(code);
    if (seen !== undefined) return seen;
    const text = decoder.decode(buffer.subarray(at, end));
    const one =
      text === "\ufffd" || text !== String.fromCodePoint(text.codePointAt(0) ?? 0) ? "?" : text;
    known.set(code, one);
    return one;
  };
  const decode = (buffer: Buffer, start: number, end: number): string => {
    let text = "";
    for (let at = start; at < end;) {
      const stop = at + characterBytes(name, buffer[at] ?? 0, buffer[at + 1] ?? 0);
      text += stop > end ? "?" : character(buffer, at, stop);
      at = stop;
    }
    return text;
  };
  return { name, isUtf8: false, isAsciiCompatible: true, decode };
}

const FIRST_SYLLABLE = 0xac00;
const LAST_SYLLABLE = 0xd7a3;

/**
 * Korean syllables that KS X 1001 left out lie in Unicode's order in the places that it left free, which the platform's
 * decoder does not know.
 */
function addSyllables(known: Map<number, string>, decoder: InstanceType<typeof TextDecoder>): void {
  const taken = new Set<number>();
  for (let first = 0xa1; first <= 0xfe; first += 1)
    for (let second = 0xa1; second <= 0xfe; second += 1)
      taken.add(decoder.decode(Uint8Array.of(first, second)).codePointAt(0) ?? 0);
  let syllable = FIRST_SYLLABLE;
  for (let first = 0x81; first <= 0xc6; first += 1) {
    for (let second = 0x41; second <= (first > 0xa0 ? 0xa0 : 0xfe); second += 1) {
      if ((second > 0x5a && second < 0x61) || (second > 0x7a && second < 0x81)) continue;
      while (taken.has(syllable)) syllable += 1;
      const code = first * 256 + second;
      if (syllable <= LAST_SYLLABLE && !known.has(code))
        known.set(code, String.fromCodePoint(syllable));
      syllable += 1;
    }
  }
}

function utf16(buffer: Buffer, start: number, end: number): string {
  const even = start + ((end - start) & ~1);
  return Buffer.from(buffer.subarray(start, even)).swap16().toString("utf16le");
}

function utf32(buffer: Buffer, start: number, end: number): string {
  let text = "";
  for (let at = start; at + 4 <= end; at += 4) {
    const point = buffer.readUInt32BE(at);
    text += point > 0x10_ffff ? "?" : String.fromCodePoint(point);
  }
  return text;
}

/** Charsets in which no byte stands for itself. */
const WIDE: Readonly<Record<string, Charset["decode"]>> = {
  ucs2: utf16,
  utf16,
  utf16le: (buffer, start, end) => buffer.toString("utf16le", start, end),
  utf32,
};
