/** The files of this machine, and a count of the calls that change something there. */
import type { FileSystem, OpenFile } from '../../lib/files/index.js';
import { nodeFileSystem } from '../../lib/files/node-file-system.js';

export function countedFiles(): { readonly fileSystem: FileSystem; writes(): number } {
  let writes = 0;
  const counted =
    <Args extends unknown[], Result>(call: (...args: Args) => Result) =>
    (...args: Args): Result => {
      writes += 1;
      return call(...args);
    };
  const watched = (file: OpenFile): OpenFile => ({
    ...file,
    write: counted(file.write),
    syncData: counted(file.syncData),
  });
  const { create, makeDirectory, rename, link, remove, syncDirectory } = nodeFileSystem;
  const fileSystem: FileSystem = {
    ...nodeFileSystem,
    create: counted(async (name) => watched(await create(name))),
    makeDirectory: counted(makeDirectory),
    rename: counted(rename),
    link: counted(link),
    remove: counted(remove),
    syncDirectory: counted(syncDirectory),
  };
  return { fileSystem, writes: () => writes };
}
