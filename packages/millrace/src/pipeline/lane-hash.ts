/**
 * Lane of a key: FNV-1a over UTF-16 units, folded. On the hot path: one multiplication per character, no allocation.
 * The number of lanes is stored at the sink, so a key never changes lane (I2).
 */
export function laneOf(target: string, key: string, lanes: number): number {
  if (lanes === 1) return 0;
  let hash = 0x811c9dc5 ^ target.length;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  hash ^= hash >>> 15;
  return (hash >>> 0) % lanes;
}
