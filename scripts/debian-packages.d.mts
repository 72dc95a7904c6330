/** The command that runs a program of a server's folder. */
export function programCommand(folder: string, program: string): string[];
