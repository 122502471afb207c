// The React component and hook, made for the React that they are given: a package's own one, or the page's `React`.

import './player.js';
import { RTSPStreamClient } from './client.js';
import { serverAddress } from './server-api.js';

const DEFAULT_SERVER = 'http://localhost:8091';

/** What the raw connection shows when no stream is named, as ever. */
const DEFAULT_RAW_STREAM = 'camera1';

/** A stream that could not be started because there was no answer is tried again after this, ms. */
const START_AGAIN_MS = 5000;

/** Numbers in a page need not be renewed with every frame, ms. */
const STATS_MS = 250;

/** How often the hook asks for the server's numbers, ms. */
const SERVER_STATS_MS = 5000;

/** States of the player in which there is no picture for a reason. */
const TROUBLE = new Set(['offline', 'unreachable', 'refused', 'not-found', 'signed-out']);

/** What the hook knows at first. */
const NOT_CONNECTED = { isConnected: false, isReconnecting: false, error: null, stats: null, serverStats: null };

/** The class that a page has put there wins, so that it can put its own. */
function clientClass() {
  return globalThis.window?.RTSPStreamClient ?? RTSPStreamClient;
}

/** @returns {{src: string, wrong: string|null}} the server's address as the player's `src`, or what is wrong with it */
function playerSource(serverUrl, token) {
  try {
    const address = serverAddress(serverUrl);
    const secret = token || address.token;
    return { src: `${address.http}/${secret ? `?token=${encodeURIComponent(secret)}` : ''}`, wrong: null };
  } catch (error) {
    return { src: '', wrong: error.message };
  }
}

/**
 * @param {object} React version 18 or newer
 * @returns {{RTSPStreamViewer: Function, useRTSPStream: Function}} see react.d.ts
 */
export function bindReact(React) {
  const { createElement, useCallback, useEffect, useMemo, useRef, useState } = React;

  /** The newest value of something, for effects that shall not run again when it changes. */
  function useLatest(value) {
    const ref = useRef(value);
    useEffect(() => {
      ref.current = value;
    });
    return ref;
  }

  /** Starts a stream while `wanted`. */
  function useStartedStream({ serverUrl, streamId, rtspUrl, width, height, token, wanted, report }) {
    const [started, setStarted] = useState(null);
    useEffect(() => {
      setStarted(null);
      if (!rtspUrl || !wanted) return undefined;
      let gone = false;
      let timer = 0;
      const start = async () => {
        const client = new (clientClass())(serverUrl, streamId, { token });
        // Troubles come as results.
        client.onError(() => {});
        const result = streamId
          ? await client.startStream(rtspUrl, width, height)
          : await client.startStreamWithURL(rtspUrl, width, height);
        if (gone) return;
        // A stream of that name is there already: started by another page, or by this one before a reload.
        if (result.success !== false || result.conflict) {
          report(null);
          const ours = result.success !== false && !/already/i.test(result.message ?? '');
          setStarted({ client, id: client.streamId, ours });
          return;
        }
        report(`Failed to start stream: ${result.error}`);
        if (result.status === null || result.status === undefined) timer = setTimeout(start, START_AGAIN_MS);
      };
      start().catch((error) => gone || report(error.message));
      return () => {
        gone = true;
        clearTimeout(timer);
      };
    }, [serverUrl, streamId, rtspUrl, width, height, token, wanted, report]);
    return started;
  }

  /** Raw frames on a canvas. */
  function RawPicture({ serverUrl, streamId, width, height, token, report }) {
    const canvas = useRef(null);
    useEffect(() => {
      let client;
      try {
        client = new (clientClass())(serverUrl, streamId, { token });
      } catch (error) {
        report(error.message);
        return undefined;
      }
      if (width) client.width = width;
      if (height) client.height = height;
      client.setupCanvas(canvas.current);
      client.onError(report);
      client.onFrame(() => report(null));
      client.connect();
      return () => {
        client.onError(() => {});
        client.disconnect();
      };
    }, [serverUrl, streamId, width, height, token, report]);
    return createElement('canvas', { ref: canvas, style: { display: 'block', width: '100%', height: 'auto' } });
  }

  /** H.264 or JPEG through the player element, which reports in the picture what is wrong. */
  function PlayerPicture({ serverUrl, streamId, mode, token, controls, hud, report }) {
    const player = useRef(null);
    useEffect(() => {
      const element = player.current;
      const changed = ({ detail }) => report(TROUBLE.has(detail.state) ? detail.reason || detail.state : null);
      element.addEventListener('state', changed);
      return () => element.removeEventListener('state', changed);
    }, [report]);
    const { src } = playerSource(serverUrl, token);
    const attributes = { ref: player, src, mode, stream: streamId || undefined };
    if (controls) attributes.controls = '';
    if (hud) attributes.hud = '';
    return createElement('camherd-player', attributes);
  }

  /** Start and stop, with the class names that style sheets know. */
  function StartStop({ wanted, onStart, onStop }) {
    const [className, label, onClick] = wanted
      ? ['btn btn-danger', 'Stop Stream', onStop]
      : ['btn btn-primary', 'Start Stream', onStart];
    return createElement(
      'div',
      { className: 'stream-controls control-buttons' },
      createElement('button', { type: 'button', className, onClick }, label),
    );
  }

  /** See react.d.ts. */
  function RTSPStreamViewer(props) {
    const { serverUrl = DEFAULT_SERVER, streamId, rtspUrl = '', width, height, autoStart = false, mode = 'auto' } = props;
    const { token, controls = !autoStart, hud = false, onError, className = '', style } = props;
    const [wanted, setWanted] = useState(autoStart);
    const [error, setError] = useState(null);
    const onErrorNow = useLatest(onError);
    const report = useCallback((message) => {
      setError(message);
      if (message !== null) onErrorNow.current?.(message);
    }, [onErrorNow]);
    useEffect(() => setWanted(autoStart), [autoStart]);
    const started = useStartedStream({ serverUrl, streamId, rtspUrl, width, height, token, wanted, report });
    const stop = () => {
      setWanted(false);
      setError(null);
      // What another page watches goes on: that is the conflict, and no error.
      if (started?.ours) Promise.resolve(started.client.stopStream()).catch(() => {});
    };

    const { wrong } = playerSource(serverUrl, token);
    const shown = !wrong && (rtspUrl ? started !== null : true);
    const common = { serverUrl, token, report };
    const id = started?.id ?? streamId;
    let picture = null;
    if (shown && mode === 'raw') {
      picture = createElement(RawPicture, { ...common, streamId: id ?? DEFAULT_RAW_STREAM, width, height });
    } else if (shown) {
      picture = createElement(PlayerPicture, { ...common, streamId: id, mode, controls: Boolean(controls), hud });
    }
    // The player writes its troubles over the picture itself.
    const text = wrong ?? (shown && mode !== 'raw' ? null : error);
    const box = { maxWidth: '100%', ...(width ? { width } : {}), ...style };
    return createElement(
      'div',
      { className: `rtsp-stream-viewer ${className}`.trim(), style: box },
      createElement('div', { className: 'stream-display' }, picture),
      text && createElement('div', { className: 'error-message', role: 'alert' }, text),
      rtspUrl && controls ? createElement(StartStop, { wanted, onStart: () => setWanted(true), onStop: stop }) : null,
    );
  }

  /** Callbacks of a client as React state. */
  function useClientState(client) {
    const [state, setState] = useState(NOT_CONNECTED);
    useEffect(() => {
      const merge = (change) => setState((before) => ({ ...before, ...change }));
      let shownAt = 0;
      client.onConnect(() => merge({ isConnected: true, isReconnecting: false, error: null }));
      client.onDisconnect(() => merge({ isConnected: false, isReconnecting: client.isReconnecting }));
      client.onError((error) => merge({ error, isReconnecting: client.isReconnecting }));
      client.onFrame((_frame, _width, _height, stats) => {
        if (Date.now() - shownAt < STATS_MS) return;
        shownAt = Date.now();
        merge({ stats, error: null });
      });
      const timer = setInterval(async () => {
        if (client.isConnected) merge({ serverStats: await client.getStreamStats() });
      }, SERVER_STATS_MS);
      return () => {
        clearInterval(timer);
        client.disconnect();
      };
    }, [client]);
    return [state, setState];
  }

  /** See react.d.ts. */
  function useRTSPStream(serverUrl, streamId, options) {
    const token = options?.token;
    const client = useMemo(() => new (clientClass())(serverUrl, streamId, { token }), [serverUrl, streamId, token]);
    const [state, setState] = useClientState(client);
    const canvasRef = useRef(null);
    useEffect(() => {
      if (canvasRef.current && client.canvas !== canvasRef.current) client.setupCanvas(canvasRef.current);
    });
    const failed = useCallback((result) => {
      if (result.success === false) setState((before) => ({ ...before, error: result.error }));
      return result;
    }, [setState]);
    const startStream = useCallback(async (rtspUrl, width, height) => {
      const result = await client.startStreamWithURL(rtspUrl, width, height);
      if (result.success !== false) client.connect();
      return failed(result);
    }, [client, failed]);
    const stopStream = useCallback(async (force = false) => {
      client.disconnect();
      return failed(await (force ? client.forceStopStream() : client.stopStream()));
    }, [client, failed]);
    const reconnect = useCallback(() => {
      client.disconnect();
      client.connect();
    }, [client]);
    const getConnectionStatus = useCallback(() => client.getConnectionStatus(), [client]);
    const listStreams = useCallback(() => client.listStreams(), [client]);
    return { ...state, canvasRef, startStream, stopStream, reconnect, getConnectionStatus, listStreams, client };
  }

  return { RTSPStreamViewer, useRTSPStream };
}
