/** The port on the SDK, before a server that does as the service does when the clock of a machine is wrong. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createStreamsClient, SdkStreams } from '../../lib/streams/index.js';

const hourMs = 3_600_000;
const arn = 'arn:aws:dynamodb:eu-central-1:123456789012:table/state/stream/2026-01-01T00:00:00.000';

/** The time in which a request was signed. */
function signedAt(text: string): number {
  const [, year, month, day, hour, minute, second] = /^(....)(..)(..)T(..)(..)(..)Z$/.exec(text) ?? [];
  return Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
}

let server: Server;
let requests: number;
/** By how much the server's clock is ahead of ours. */
let aheadMs: number;
let accepts: boolean;

beforeEach(async () => {
  [requests, aheadMs, accepts] = [0, 0, true];
  server = createServer((request, response) => {
    requests += 1;
    request.resume();
    const now = Date.now() + aheadMs;
    const isSkewed = Math.abs(now - signedAt(String(request.headers['x-amz-date']))) > 300_000;
    const isRefused = isSkewed || !accepts;
    response.writeHead(isRefused ? 400 : 200, {
      'content-type': 'application/x-amz-json-1.0',
      date: new Date(now).toUTCString(),
    });
    response.end(
      isRefused
        ? JSON.stringify({ __type: 'com.amazon.coral.service#InvalidSignatureException', message: 'Signature expired' })
        : JSON.stringify({ StreamDescription: { StreamArn: arn, StreamLabel: 'label', Shards: [] } }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

function portOf(): { readonly port: SdkStreams; close(): void } {
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const client = createStreamsClient({ endpoint, region: 'local', credentials });
  return { port: new SdkStreams(client), close: () => client.destroy() };
}

describe('SdkStreams on a machine whose clock is wrong', () => {
  it('asks once more with the right time, and knows from then on how wrong it is', async () => {
    aheadMs = hourMs;
    const { port, close } = portOf();
    expect(await port.describe({ arn })).toMatchObject({ label: 'label' });
    expect(requests).toBe(2);
    expect(Math.abs(port.clockOffsetMs() - hourMs)).toBeLessThan(60_000);
    // The clock of the machine is set right.
    aheadMs = 0;
    expect(await port.describe({ arn })).toMatchObject({ label: 'label' });
    expect(Math.abs(port.clockOffsetMs())).toBeLessThan(60_000);
    close();
  });

  it('passes the refusal on where the time was not the reason', async () => {
    [aheadMs, accepts] = [hourMs, false];
    const { port, close } = portOf();
    await expect(port.describe({ arn })).rejects.toMatchObject({ name: 'InvalidSignatureException' });
    expect(requests).toBe(2);
    await expect(port.describe({ arn })).rejects.toMatchObject({ name: 'InvalidSignatureException' });
    expect(requests).toBe(3);
    close();
  });
});
