/** `eu-west-1` of `shop.abc123.eu-west-1.rds.amazonaws.com`; null for any other host. */
export function regionOfRds(host: string): string | null {
  return (
    /\.([a-z]{2}(?:-[a-z]+)+-\d+)\.rds\.amazonaws\.com(?:\.cn)?$/i.exec(host)?.[1]?.toLowerCase() ??
    null
  );
}
