/** Encryption and compression around storages. */
import { mutant } from './mutant.mjs';

const sealedBytes = 'spec/codec/sealed-bytes.spec.ts';
const headBytes = 'spec/journal/head-bytes.spec.ts';
const sealed = 'spec/prevalence/sealed.spec.ts';
const sealedFiles = 'spec/prevalence/sealed-files.spec.ts';
const sealedTables = 'spec/prevalence/sealed-tables.spec.ts';
const rotation = 'spec/prevalence/sealed-rotation.spec.ts';

/** @type {readonly import('./mutant.mjs').Mutant[]} */
export const sealedStorages = [
  mutant(
    'sealed: plain bytes are taken for what is sealed',
    'lib/codec/sealed-bytes.ts',
    'if (codec === undefined || codec.acceptsUnsealed === true) return bytes;',
    'return bytes;',
    sealedBytes,
    'takes plain bytes where nothing encrypts',
  ),
  mutant(
    'sealed: what is sealed by another layer is taken without encryption',
    'lib/codec/sealed-bytes.ts',
    'if (!isOpened && codec !== undefined && codec.acceptsUnsealed !== true) throw notSealed(codec, place);',
    '',
    sealedBytes,
    'takes plain bytes where nothing encrypts',
  ),
  mutant(
    'sealed: what a layer made of packed bytes is compressed once more',
    'lib/codec/compressed.ts',
    'if (content.length < this.#bytesMin || form.codec === packedName) return form;',
    'if (content.length < this.#bytesMin) return form;',
    sealedBytes,
    'does not compress what is packed',
  ),
  mutant(
    'sealed: items beside the head are stored as they are',
    'lib/atom/sealed-once.ts',
    'return super.put(key, await this.#seal(key, bytes), options);',
    'return super.put(key, bytes, options);',
    'spec/atom/sealed-once.spec.ts',
    'stores nothing that can be read',
  ),
  mutant(
    'sealed: pages are stored as they are',
    'lib/atom/sealed-once.ts',
    'return super.putIfAbsent(key, await this.#seal(key, bytes), options);',
    'return super.putIfAbsent(key, bytes, options);',
    sealed,
    'a sealed system in a table shows nothing',
  ),
  mutant(
    'sealed: items are bound to no key',
    'lib/atom/sealed-once.ts',
    "return { table: nameOf(tableName()), key, attribute: names.data, incarnation: '', version: 0 };",
    "return { table: nameOf(tableName()), key: '', attribute: names.data, incarnation: '', version: 0 };",
    'spec/atom/sealed-once.spec.ts',
  ),
  mutant(
    'sealed: what was altered is told in another way than all damage',
    'lib/atom/sealed-once.ts',
    "if (error instanceof DecodeError && error.reason === 'damaged') return new Uint8Array();",
    '',
    'spec/atom/sealed-once.spec.ts',
  ),
  mutant(
    'sealed: bodies leave no room for what sealing adds',
    'lib/atom/sealed-once.ts',
    '(this.#codec === undefined ? 0 : sealedBytesMore)',
    '0',
    'spec/atom/sealed-once.spec.ts',
  ),
  mutant(
    'sealed: parts of snapshots are stored as they are',
    'lib/snapshot/sealed-store.ts',
    'await store.put(id, part, sealed, options);',
    'await store.put(id, part, bytes, options);',
    sealed,
    'a sealed system in a table shows nothing',
  ),
  mutant(
    'sealed: the pointer is stored as it is',
    'lib/snapshot/pointer.ts',
    "const codec = sealing === undefined ? 'native' : withForm(sealing, compactCodec);",
    "const codec = sealing === undefined ? 'native' : compactCodec;",
    sealed,
    'a sealed system in a table shows nothing',
  ),
  mutant(
    'sealed: the head is planned without what sealing adds',
    'lib/journal/head-room.ts',
    'return codec === undefined ? 0 : (codec.addsBytes ?? sealingBytes);',
    'return 0;',
    rotation,
    'keep the head within what it may have',
  ),
  mutant(
    'sealed: a head without its later bytes is taken',
    'lib/journal/head-bytes.ts',
    "if (noteEnd > buffer.length) throw new Error('a head that ends early');",
    '',
    headBytes,
    'cut anywhere',
  ),
  mutant(
    'sealed: a head of a later format is guessed',
    'lib/journal/head-bytes.ts',
    "if (format !== journalFormat) return { ...emptyHead('', ''), format };",
    '',
    headBytes,
    'later format',
  ),
  mutant(
    'sealed: the codec of the table is not used for the system',
    'lib/prevalence/atom-storage.ts',
    'const codec = request.codec ?? table.encryption;',
    'const { codec } = request;',
    sealedTables,
    'is encrypted where the codec of the table encrypts',
  ),
  mutant(
    'sealed: the codec of the table goes before the one that is given',
    'lib/prevalence/atom-storage.ts',
    'const codec = request.codec ?? table.encryption;',
    'const codec = table.encryption ?? request.codec;',
    sealedTables,
    'is sealed by the codec that is given',
  ),
  mutant(
    'sealed: a codec is put around another one, which is then lost',
    'lib/prevalence/sealed-storage.ts',
    'return { name, clock, open:',
    'return { name, clock, seals, open:',
    sealed,
    'has a codec already',
  ),
  mutant(
    'sealed: who opens it in the wrong way is told what only an item says',
    'lib/prevalence/atom-log.ts',
    'throw explainSealed(this.#options.name, this.#options.codec, error);',
    'throw error;',
    sealed,
    'a sealed system in a table is refused with a wrong key',
  ),
  mutant(
    'sealed: facts of snapshots in files are stored as they are',
    'lib/files/snapshot-file.ts',
    'if (codec === undefined) return { facts };',
    'if (codec !== null) return { facts };',
    sealedFiles,
    'shows nothing',
  ),
  mutant(
    'sealed: wrapped keys are not counted for the room in the head',
    'lib/codec/data-keys.ts',
    'wrappedBytes: wrappedBytesUsual,',
    'wrappedBytes: 0,',
    rotation,
    'keep the head within what it may have',
  ),
];
