const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

const UUID_ORDER = [0, 1, 2, 3, -1, 4, 5, -1, 6, 7, -1, 8, 9, -1, 10, 11, 12, 13, 14, 15] as const;

/** MariaDB's UUID; in the log its parts are in the order of its text, whatever the order in the table. */
export function uuidText(buffer: Buffer, at: number): string {
  let text = "";
  for (const index of UUID_ORDER) text += index === -1 ? "-" : (HEX[buffer[at + index] ?? 0] ?? "");
  return text;
}

/** `192.0.2.1`. */
export function inet4Text(buffer: Buffer, at: number): string {
  return `${buffer[at]}.${buffer[at + 1]}.${buffer[at + 2]}.${buffer[at + 3]}`;
}

/** As MariaDB prints it: the longest run of zeros is left out, and IPv4 within is printed as such. */
export function inet6Text(buffer: Buffer, at: number): string {
  const words = Array.from({ length: 8 }, (_, index) => buffer.readUInt16BE(at + 2 * index));
  const { start, length } = longestGap(words);
  const hasIpv4 = start === 0 && (length === 6 || (length === 5 && words[5] === 0xffff));
  const text = (from: number, to: number): string =>
    words
      .slice(from, to)
      .map((word) => word.toString(16))
      .join(":");
  if (hasIpv4) return `::${length === 5 ? "ffff:" : ""}${inet4Text(buffer, at + 12)}`;
  return length === 0 ? text(0, 8) : `${text(0, start)}::${text(start + length, 8)}`;
}

function longestGap(words: readonly number[]): { start: number; length: number } {
  let best = { start: -1, length: 0 };
  for (let start = 0; start < 8; start += 1) {
    let end = start;
    while (end < 8 && words[end] === 0) end += 1;
    if (end - start > best.length) best = { start, length: end - start };
  }
  return best;
}
