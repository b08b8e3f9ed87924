/** The page of one job, live. */

import { readInterference } from "../charts/interference";
import { readSnr } from "../charts/snr";
import type { Curves } from "../job/curves";
import { HeatMap } from "../job/heatmap";
import { InterferenceMap } from "../job/interference";
import { Log } from "../job/log";
import { gathered, refresh } from "../job/parts";
import { showProgress, tick } from "../job/progress";
import { follow } from "../job/stream";

const SOON = 150; // ms: changes of state come in groups

export function mount(page: HTMLElement): () => void {
  const begun = begin(page);
  return () => void begun.then((stop) => stop());
}

async function begin(page: HTMLElement): Promise<() => void> {
  const api = `/api/v1/jobs/${page.dataset.job}`;
  const names = JSON.parse(page.dataset.names ?? "{}") as Record<string, string>;
  const log = new Log(page.querySelector<HTMLElement>("#log")!, names);
  const curves = await curvesOn(page);
  const maps = mapsOn(page, api, names);

  if (page.dataset.finished === "true") {
    const loading = Object.values(maps).map((load) => load());
    await Promise.all([...loading, loadCurves(curves, api)]);
    return () => {};
  }
  const stopTicking = tick();
  const update = gathered(() => refresh("[data-part]"), SOON);
  const stopFollowing = follow(`${api}/stream`, {
    log: (news) => log.add(news),
    state: (news) => {
      log.add(news);
      update();
    },
    waiting: update,
    progress: (news) => showProgress(page, news),
    metrics: (news) => {
      for (const { name, step, value } of news.points) curves?.add(name, step, value);
    },
    report: (news) => {
      void maps[news.name]?.();
    },
    end: update,
    connected: (yes) => page.classList.toggle("offline", !yes),
  });
  return () => {
    stopTicking();
    stopFollowing();
  };
}

/** How to load each report that the page has a place for, by its name. */
function mapsOn(
  page: HTMLElement,
  api: string,
  names: Record<string, string>,
): Record<string, () => Promise<void>> {
  const found: Record<string, () => Promise<void>> = {};
  const snrCard = page.querySelector<HTMLElement>("#snr");
  const meetingCard = page.querySelector<HTMLElement>("#interference");
  if (snrCard) {
    const map = new HeatMap(snrCard);
    found.snr = async () => {
      const report = readSnr(await ask(`${api}/reports/snr`));
      if (report) map.show(report);
    };
  }
  for (const name of ["candidates", "balance"]) {
    if (page.querySelector(`#${name}`)) found[name] = () => refresh(`#${name}`);
  }
  if (meetingCard) {
    const map = new InterferenceMap(meetingCard, names);
    found.interference = async () => {
      const report = readInterference(await ask(`${api}/reports/interference`));
      if (report) map.show(report);
    };
  }
  return found;
}

/** The chart library is fetched only where there is a curve. */
async function curvesOn(page: HTMLElement): Promise<Curves | null> {
  const card = page.querySelector<HTMLElement>("#curves");
  return card && new (await import("../job/curves")).Curves(card);
}

async function loadCurves(curves: Curves | null, api: string): Promise<void> {
  if (!curves) return;
  const found = (await ask(`${api}/metrics`)) as Record<string, [number, number][]> | null;
  for (const [name, points] of Object.entries(found ?? {})) {
    for (const [step, value] of points) curves.add(name, step, value);
  }
}

/** Null when there is nothing (yet), or the server does not answer. */
async function ask(url: string): Promise<unknown> {
  try {
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}
