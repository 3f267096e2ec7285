/** What the system calls a failure. */
import type { FileSystem } from './file-system.js';

const noRoomCodes: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** The system's name for it, such as `ENOENT`; `undefined` where it has none. */
export function codeOf(error: unknown): unknown {
  return (error as { readonly code?: unknown } | null)?.code;
}

/** Whether nothing had the name. */
export function isNotThere(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}

/** Whether there was no room: what was to be made then can't have become whole. */
export function isNoRoom(error: unknown): boolean {
  return noRoomCodes.has(codeOf(error));
}

/** Removes a name, unless somebody else has. */
export async function removeIfThere(fileSystem: FileSystem, path: string): Promise<void> {
  await fileSystem.remove(path).catch((error: unknown) => {
    if (!isNotThere(error)) throw error;
  });
}
