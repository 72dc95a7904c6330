/** How a program that wants the packages of a folder is started: the command and what its environment needs. */
export function pythonOf(folder: string): {
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string>>;
};
