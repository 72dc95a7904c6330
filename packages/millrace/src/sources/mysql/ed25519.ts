import { createHash } from "node:crypto";

/** The field is that of the numbers modulo this. */
const P = 2n ** 255n - 19n;
/** How many points the base point makes. */
const L = 2n ** 252n + 27_742_317_777_372_353_535_851_937_790_883_648_493n;
/** Of the curve −x² + y² = 1 + d·x²·y². */
const D =
  37_095_705_934_669_439_343_138_083_508_754_565_189_542_113_879_843_219_016_388_785_533_085_940_283_555n;
const BASE_X =
  15_112_221_349_535_400_772_501_151_409_588_531_511_454_012_693_041_857_206_046_113_283_949_847_762_202n;
const BASE_Y =
  46_316_835_694_926_478_169_428_394_003_475_163_141_307_993_866_256_225_615_783_033_603_165_251_855_960n;
const BYTES = 32;

/** X, Y, Z and T with x = X/Z, y = Y/Z, x·y = T/Z (RFC 8032, 5.1.4). */
type Point = readonly [x: bigint, y: bigint, z: bigint, t: bigint];

const NEUTRAL: Point = [0n, 1n, 1n, 0n];
const BASE: Point = [BASE_X, BASE_Y, 1n, modulo(BASE_X * BASE_Y, P)];

/**
 * Signs as Ed25519 does (RFC 8032, 5.1.6), with a secret of any length, as MariaDB's login `ed25519` has it: the password
 * itself. Node's own wants 32 bytes. Some milliseconds, which depend on the secret: for logins, one at a time.
 */
export function signEd25519(secret: Uint8Array, message: Uint8Array): Buffer {
  const hash = sha512(secret);
  const scalar = Buffer.from(hash.subarray(0, BYTES));
  scalar[0] = (scalar[0] ?? 0) & 0xf8;
  scalar[BYTES - 1] = ((scalar[BYTES - 1] ?? 0) & 0x7f) | 0x40;
  const a = numberOf(scalar);
  const r = modulo(numberOf(sha512(hash.subarray(BYTES), message)), L);
  const point = encoded(times(BASE, r));
  const k = numberOf(sha512(point, encoded(times(BASE, a)), message));
  return Buffer.concat([point, bytesOf(modulo(r + k * a, L))]);
}

function times(point: Point, factor: bigint): Point {
  let result = NEUTRAL;
  let doubled = point;
  for (let left = factor; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) result = sum(result, doubled);
    doubled = sum(doubled, doubled);
  }
  return result;
}

function sum([x1, y1, z1, t1]: Point, [x2, y2, z2, t2]: Point): Point {
  const a = modulo((y1 - x1) * (y2 - x2), P);
  const b = modulo((y1 + x1) * (y2 + x2), P);
  const c = modulo(2n * D * t1 * t2, P);
  const d = modulo(2n * z1 * z2, P);
  const [e, f, g, h] = [b - a, d - c, d + c, b + a];
  return [modulo(e * f, P), modulo(g * h, P), modulo(f * g, P), modulo(e * h, P)];
}

/** y, and whether x is odd. */
function encoded([x, y, z]: Point): Buffer {
  const inverse = power(z, P - 2n);
  const bytes = bytesOf(modulo(y * inverse, P));
  const isOdd = modulo(x * inverse, P) & 1n;
  bytes[BYTES - 1] = (bytes[BYTES - 1] ?? 0) | (Number(isOdd) << 7);
  return bytes;
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let squared = base;
  for (let left = exponent; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) result = modulo(result * squared, P);
    squared = modulo(squared * squared, P);
  }
  return result;
}

function modulo(value: bigint, by: bigint): bigint {
  const rest = value % by;
  return rest < 0n ? rest + by : rest;
}

/** Little endian. */
function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
}

function bytesOf(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(2 * BYTES, "0"), "hex").reverse();
}

function sha512(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash("sha512");
  for (const part of parts) hash.update(part);
  return hash.digest();
}
