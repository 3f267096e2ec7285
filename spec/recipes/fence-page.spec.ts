/**
 * Goal: what the page on fencing shows runs and prints what it says: on Postgres, and on a stand-in for S3 that judges conditions as S3
 * does. And what it says of ETags is so. That it compiles is seen in `spec/package/examples.spec.ts`.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { repository } from '../support/command.js';
import { type S3StandIn, startS3StandIn } from '../support/s3-stand-in.js';
import { differences, runSnippets, type SnippetReport, snippetsOf } from '../support/snippets.js';

const page = 'lib/recipes/fence/README.md';
const text = readFileSync(path.join(repository, page), 'utf8');
const snippets = snippetsOf(text, page);
const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
const environment = {
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
};

let standIn: S3StandIn;
beforeAll(async () => {
  standIn = await startS3StandIn();
});
afterAll(() => standIn.close());

describe(page, () => {
  let report: SnippetReport = { typeErrors: [], runs: [] };
  beforeAll(async () => {
    const before = { ...process.env };
    Object.assign(process.env, environment, { AWS_ENDPOINT_URL_S3: standIn.endpoint });
    try {
      report = await runSnippets(snippets, { timeoutMs: 30_000, isChecked: false });
    } finally {
      for (const name of [...Object.keys(environment), 'AWS_ENDPOINT_URL_S3']) {
        if (before[name] === undefined) delete process.env[name];
        else process.env[name] = before[name];
      }
    }
  }, 120_000);

  it('shows code that runs and prints what its comments say', () => {
    expect(snippets.length).toBeGreaterThanOrEqual(5);
    expect(
      snippets.flatMap((snippet, i) => (report.runs[i] ? differences(snippet, report.runs[i]) : ['not run'])),
    ).toEqual([]);
  });
});

describe('a fenced object of S3', () => {
  const at = (Key: string) => ({ Bucket: 'reports', Key });
  let s3: S3Client;
  let objects = 0;
  beforeAll(() => {
    s3 = new S3Client({ endpoint: standIn.endpoint, region: 'us-east-1', credentials });
  });
  afterAll(() => s3.destroy());

  /** One round of what the page shows, with the token where it is told to be. */
  const write = async (Key: string, token: number, data: string, where: 'body' | 'metadata') => {
    const head = await s3.send(new HeadObjectCommand(at(Key))).catch(() => undefined);
    const stored = head && (await (await s3.send(new GetObjectCommand(at(Key)))).Body?.transformToString());
    const seen = where === 'metadata' ? head?.Metadata?.fence : JSON.parse(stored ?? '{}').fence;
    if (Number(seen ?? 0) > token) return 'too old';
    const Body = where === 'metadata' ? data : JSON.stringify({ fence: token, data });
    const condition = head ? { IfMatch: head.ETag } : { IfNoneMatch: '*' };
    const put = new PutObjectCommand({ ...at(Key), Body, Metadata: { fence: String(token) }, ...condition });
    return s3.send(put).then(
      () => 'written',
      (error: { name: string }) => error.name,
    );
  };
  const newKey = () => `object-${++objects}`;

  it('is not overwritten by who looked before a later holder wrote equal data, with the token in the body', async () => {
    const key = newKey();
    expect(await write(key, 7, 'same', 'body')).toBe('written');
    standIn.beforePut = () => write(key, 8, 'same', 'body');
    expect(await write(key, 7, 'old', 'body')).toBe('PreconditionFailed');
    expect(await write(key, 7, 'old', 'body')).toBe('too old');
  });

  it('is overwritten with the token in the metadata alone', async () => {
    const key = newKey();
    expect(await write(key, 7, 'same', 'metadata')).toBe('written');
    standIn.beforePut = () => write(key, 8, 'same', 'metadata');
    expect(await write(key, 7, 'old', 'metadata')).toBe('written');
  });

  it('is created once when two look before it is there', async () => {
    const key = newKey();
    standIn.beforePut = () => write(key, 8, 'new', 'body');
    expect(await write(key, 7, 'old', 'body')).toBe('PreconditionFailed');
  });
});
