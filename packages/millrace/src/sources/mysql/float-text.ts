/** The shortest text that reads back as the same 64 bits; negative zero keeps its sign. Hot. */
export function doubleText(value: number): string {
  return value === 0 && Object.is(value, -0) ? "-0" : String(value);
}

/** Beyond this, a decimal fraction is found by digits, not by steps. */
const PLAIN_LIMIT = 1e6;
const PLAIN_SCALES = [1, 10, 100, 1_000, 10_000] as const;

/** The shortest text that reads back as the same 32 bits. Hot. */
export function floatText(value: number): string {
  if (value === 0) return doubleText(value);
  if (value < PLAIN_LIMIT && value > -PLAIN_LIMIT) {
    // Most are written by people, with few digits behind the point.
    for (const scale of PLAIN_SCALES) {
      const rounded = Math.round(value * scale) / scale;
      if (Math.fround(rounded) === value) return String(rounded);
    }
  }
  // Six digits always read back from a 32-bit number, nine always tell it.
  for (let digits = 6; digits < 9; digits += 1) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return doubleText(short);
  }
  return doubleText(Number(value.toPrecision(9)));
}
