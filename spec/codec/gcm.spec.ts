/**
 * Goal: the cipher is AES-256-GCM, and nothing but the whole right tag is taken.
 * Method: test cases 13 to 16 of the GCM specification (McGrew and Viega, "The Galois/Counter Mode of Operation", revised), all
 * that NIST took over for 256-bit keys and 96-bit nonces; then each bit of them turned and each end cut off.
 */
import { createSecretKey } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { decrypt, encrypt, unambiguous } from '../../lib/codec/gcm.js';
import { flipped } from './places.js';

const key = 'feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308';
const nonce = 'cafebabefacedbaddecaf888';
const text =
  'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72' +
  '1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39';
const ciphertext =
  '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa' +
  '8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662';

const published = [
  {
    ...{ name: '13', key: '00'.repeat(32), nonce: '00'.repeat(12), associated: '', text: '', ciphertext: '' },
    tag: '530f8afbc74536b9a963b4f1c4cb738b',
  },
  {
    ...{ name: '14', key: '00'.repeat(32), nonce: '00'.repeat(12), associated: '', text: '00'.repeat(16) },
    ...{ ciphertext: 'cea7403d4d606b6e074ec5d3baf39d18', tag: 'd0d1c8a799996bf0265b98b5d48ab919' },
  },
  {
    ...{ name: '15', key, nonce, associated: '', text: `${text}1aafd255`, ciphertext: `${ciphertext}898015ad` },
    tag: 'b094dac5d93471bdec1a502270e3cc6c',
  },
  {
    ...{ name: '16', key, nonce, associated: 'feedfacedeadbeeffeedfacedeadbeefabaddad2', text, ciphertext },
    tag: '76fc6ece0f4e1768cddf8853bb2d551b',
  },
].map((one) => ({
  name: one.name,
  key: createSecretKey(Buffer.from(one.key, 'hex')),
  nonce: Buffer.from(one.nonce, 'hex'),
  associated: Buffer.from(one.associated, 'hex'),
  text: Buffer.from(one.text, 'hex'),
  sealed: Buffer.from(one.ciphertext + one.tag, 'hex'),
}));

describe.each(published)('published case $name', (one) => {
  it('comes out, whole and in parts', () => {
    const seal = (parts: Uint8Array[]) => Buffer.concat(encrypt(one.key, one.nonce, one.associated, parts));
    expect(seal([one.text])).toEqual(one.sealed);
    expect(seal([one.text.subarray(0, 5), one.text.subarray(5)])).toEqual(one.sealed);
    expect(decrypt(one.key, one.nonce, one.associated, one.sealed)).toEqual(one.text);
  });

  it('is refused with any bit turned: of ciphertext, tag, nonce, associated data and key', () => {
    for (let bit = 0; bit < one.sealed.length * 8; bit += 1) {
      const changed = flipped(one.sealed, bit >> 3, bit & 7);
      expect(decrypt(one.key, one.nonce, one.associated, changed)).toBeUndefined();
    }
    expect(decrypt(one.key, flipped(one.nonce, 11, 0), one.associated, one.sealed)).toBeUndefined();
    expect(decrypt(one.key, one.nonce, Buffer.concat([one.associated, Buffer.of(0)]), one.sealed)).toBeUndefined();
    const other = createSecretKey(flipped(one.key.export(), 31, 0));
    expect(decrypt(other, one.nonce, one.associated, one.sealed)).toBeUndefined();
  });

  it('is refused with a tag of any other length', () => {
    for (let bytes = 0; bytes < one.sealed.length; bytes += 1) {
      expect(decrypt(one.key, one.nonce, one.associated, one.sealed.subarray(0, bytes))).toBeUndefined();
      if (bytes > 0) expect(decrypt(one.key, one.nonce, one.associated, one.sealed.subarray(bytes))).toBeUndefined();
    }
    const longer = Buffer.concat([one.sealed, Buffer.of(0)]);
    expect(decrypt(one.key, one.nonce, one.associated, longer)).toBeUndefined();
  });
});

describe('unambiguous()', () => {
  it('gives different lists different bytes', () => {
    const lists = [['ab', 'c'], ['a', 'bc'], ['abc'], ['abc', ''], ['', 'abc'], ['ab', 'c', ''], [], ['']];
    expect(new Set(lists.map((fields) => Buffer.from(unambiguous(fields)).toString('hex'))).size).toBe(lists.length);
    expect(unambiguous(['ä'])).toEqual(unambiguous([Buffer.from('ä')]));
  });
});
