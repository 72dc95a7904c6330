/** True for addresses that never leave this machine. */
export function isLoopback(host: string): boolean {
  return (
    host === "localhost" ||
    host === "::1" ||
    host.startsWith("/") ||
    /^127\.\d+\.\d+\.\d+$/.test(host)
  );
}
