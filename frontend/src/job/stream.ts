/** A job's news by server-sent events, through restarts of the server and pauses of the network. */

export interface LogNews {
  readonly id: number;
  readonly at: string;
  readonly attempt: number;
  readonly level: string;
  readonly message: string;
}

export interface StateNews {
  readonly id: number;
  readonly at: string;
  readonly attempt: number;
  readonly state: string;
  readonly message: string;
}

export interface WaitingNews {
  readonly why: string;
  readonly place: number | null;
}

export interface ProgressNews {
  readonly phase: string;
  readonly done: number;
  readonly total: number;
  readonly seconds_left: number | null;
}

export interface MetricsNews {
  readonly points: readonly { name: string; step: number; value: number }[];
}

export interface Listener {
  log(news: LogNews): void;
  state(news: StateNews): void;
  waiting(news: WaitingNews): void;
  progress(news: ProgressNews): void;
  metrics(news: MetricsNews): void;
  report(news: { name: string }): void;
  end(news: { state: string }): void;
  /** Whether news come in at present. */
  connected(yes: boolean): void;
}

const PATIENCE = [1, 2, 5, 10, 20]; // seconds before the next try

/**
 * Tells the listener everything from the beginning, again after each interruption: whoever
 * listens must bear to hear an event twice. The browser resumes by itself where it can.
 * Returns what ends it.
 */
export function follow(url: string, listener: Listener): () => void {
  let source: EventSource | null = null;
  let timer: number | undefined;
  let tries = 0;

  function open(): void {
    source = new EventSource(url);
    source.onopen = () => {
      tries = 0;
      listener.connected(true);
    };
    source.onerror = () => {
      listener.connected(false);
      if (source?.readyState === EventSource.CLOSED) again();
    };
    hear(source, "log", (news: LogNews) => listener.log(news));
    hear(source, "state", (news: StateNews) => listener.state(news));
    hear(source, "waiting", (news: WaitingNews) => listener.waiting(news));
    hear(source, "progress", (news: ProgressNews) => listener.progress(news));
    hear(source, "metrics", (news: MetricsNews) => listener.metrics(news));
    hear(source, "report", (news: { name: string }) => listener.report(news));
    hear(source, "end", (news: { state: string }) => {
      stop();
      listener.connected(true);
      listener.end(news);
    });
  }

  function again(): void {
    window.clearTimeout(timer);
    timer = window.setTimeout(open, 1000 * PATIENCE[Math.min(tries, PATIENCE.length - 1)]!);
    tries += 1;
  }

  function stop(): void {
    window.clearTimeout(timer);
    source?.close();
  }

  open();
  return stop;
}

function hear<News>(source: EventSource, name: string, told: (news: News) => void): void {
  source.addEventListener(name, (event) => {
    told(JSON.parse((event as MessageEvent<string>).data) as News);
  });
}
