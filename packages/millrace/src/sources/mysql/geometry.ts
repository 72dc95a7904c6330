import { protocolError } from "./byte-cursor.ts";
import { jsonDoubleText } from "./json-scalars.ts";

const SRID_BYTES = 4;
const NAMES = [
  "",
  "Point",
  "LineString",
  "Polygon",
  "MultiPoint",
  "MultiLineString",
  "MultiPolygon",
  "GeometryCollection",
] as const;
/** A collection may be in a collection; no server makes more of them than this. */
const MAX_DEPTH = 100;
const COLLECTION = 7;
/** How deep the lists of a kind's coordinates are. */
const LISTS = [0, 0, 1, 2] as const;

/**
 * A geometry as it lies in a row (its SRID, then WKB) as GeoJSON, in the way of MySQL's ST_AsGeoJSON, for both servers.
 * @throws MillraceError MR_SOURCE_PROTOCOL
 */
export function geoJson(buffer: Buffer, start: number, end: number): string {
  const reader = new WkbReader(buffer, start + SRID_BYTES, end);
  const text = reader.geometry(0);
  reader.finish();
  return text;
}

class WkbReader {
  readonly #buffer: Buffer;
  readonly #end: number;
  #at: number;
  #isLittle = true;

  constructor(buffer: Buffer, start: number, end: number) {
    this.#buffer = buffer;
    this.#at = start;
    this.#end = end;
  }

  finish(): void {
    if (this.#at !== this.#end) throw protocolError("a geometry that is longer than it says");
  }

  geometry(depth: number): string {
    if (depth > MAX_DEPTH) throw protocolError("a geometry that is too deep");
    const kind = this.#head();
    const name = NAMES[kind];
    if (name === undefined || name === "") throw protocolError("a geometry of an unknown kind");
    if (kind === COLLECTION) {
      const parts = this.#list(() => this.geometry(depth + 1));
      return `{"type": "${name}", "geometries": ${parts}}`;
    }
    const coordinates =
      kind <= 3 ? this.#coordinates(LISTS[kind] ?? 0) : this.#list(() => this.#part(kind - 3));
    return `{"type": "${name}", "coordinates": ${coordinates}}`;
  }

  /** A member of a MULTI…, which has a head of its own. */
  #part(kind: number): string {
    if (this.#head() !== kind) throw protocolError("a geometry with parts of another kind");
    return this.#coordinates(LISTS[kind] ?? 0);
  }

  #coordinates(lists: number): string {
    if (lists === 0) return this.#point();
    return this.#list(() => this.#coordinates(lists - 1));
  }

  #list(each: () => string): string {
    const parts: string[] = [];
    for (let left = this.#uint32(); left > 0; left -= 1) parts.push(each());
    return `[${parts.join(", ")}]`;
  }

  #point(): string {
    return `[${jsonDoubleText(this.#double())}, ${jsonDoubleText(this.#double())}]`;
  }

  #head(): number {
    this.#isLittle = this.#buffer.readUInt8(this.#advance(1)) !== 0;
    return this.#uint32();
  }

  #uint32(): number {
    const at = this.#advance(4);
    return this.#isLittle ? this.#buffer.readUInt32LE(at) : this.#buffer.readUInt32BE(at);
  }

  #double(): number {
    const at = this.#advance(8);
    return this.#isLittle ? this.#buffer.readDoubleLE(at) : this.#buffer.readDoubleBE(at);
  }

  #advance(bytes: number): number {
    const at = this.#at;
    if (at + bytes > this.#end) throw protocolError("a geometry that ends too early");
    this.#at = at + bytes;
    return at;
  }
}
