/** yamux with a large window, without timers of its own, and with bounds on what a peer can make it keep. */
import { yamux } from "@chainsafe/libp2p-yamux";
import type { MessageStream, StreamMuxerFactory } from "@libp2p/interface";
import { AbstractStreamMuxer } from "@libp2p/utils";
import {
  MAX_CONNECTION_BUFFER_BYTES,
  MAX_QUEUED_FRAMES,
  MAX_STREAMS_PER_CONNECTION,
  STREAM_WINDOW_BYTES,
} from "./limits.ts";
import { YamuxLengths } from "./yamux-lengths.ts";

type Muxer = ReturnType<ReturnType<ReturnType<typeof yamux>>["createStreamMuxer"]>;

export function boundedYamux(): StreamMuxerFactory {
  const factory = yamux({
    enableKeepAlive: false,
    // One more than are allowed: yamux itself would refuse the excess and go on.
    maxInboundStreams: MAX_STREAMS_PER_CONNECTION + 1,
    maxOutboundStreams: MAX_STREAMS_PER_CONNECTION,
    maxEarlyStreams: MAX_STREAMS_PER_CONNECTION,
    streamOptions: { initialStreamWindowSize: STREAM_WINDOW_BYTES, maxStreamWindowSize: STREAM_WINDOW_BYTES },
  })();
  const createStreamMuxer = factory.createStreamMuxer.bind(factory);
  factory.createStreamMuxer = (connection) => {
    const muxer = createStreamMuxer(connection);
    if (!(muxer instanceof AbstractStreamMuxer)) throw new Error("libp2p is installed in two versions: run npm ci");
    boundReading(muxer);
    boundWriting(muxer, connection);
    return muxer;
  };
  return factory;
}

/** What is thrown here goes to the muxer's reader, which aborts the connection. */
function boundReading(muxer: Muxer): void {
  const lengths = new YamuxLengths();
  const onData = muxer.onData.bind(muxer);
  muxer.onData = (bytes) => {
    if (bytes instanceof Uint8Array) lengths.read(bytes);
    else for (const piece of bytes) lengths.read(piece);
    onData(bytes);
  };
  let opened = 0;
  const onRemoteStream = muxer.onRemoteStream.bind(muxer);
  muxer.onRemoteStream = (stream) => {
    if (++opened > MAX_STREAMS_PER_CONNECTION)
      throw new Error(`the peer opened more than ${MAX_STREAMS_PER_CONNECTION} streams on one connection`);
    onRemoteStream(stream);
  };
}

function boundWriting(muxer: Muxer, connection: MessageStream): void {
  connection.maxWriteBufferLength = MAX_CONNECTION_BUFFER_BYTES;
  let queued = 0;
  let isCut = false;
  const send = muxer.send.bind(muxer);
  muxer.send = (frame) => {
    if (isCut) return false;
    queued = connection.writableNeedsDrain ? queued + 1 : 0;
    if (queued <= MAX_QUEUED_FRAMES) return send(frame);
    isCut = true;
    const reason = new Error("the peer does not read what it makes us say");
    muxer.abort(reason);
    connection.abort(reason);
    return false;
  };
  const abort = muxer.abort.bind(muxer);
  muxer.abort = (reason) => {
    try {
      abort(reason);
    } catch (error) {
      // Its last words, on a connection that is closed already: from its reader they would end this process.
      if ((error as Error).name !== "StreamStateError") throw error;
    }
  };
}
