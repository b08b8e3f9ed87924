/** Requests to the REST API and the pages' own addresses, as whoever is signed in. */

/** RFC 9457 problem details, as every error of the API says it. */
export interface Problem {
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly errors: readonly Fault[];
}

export interface Fault {
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  readonly remedy: string;
}

/** Thrown by `request`: what the server said, or that it could not be reached. */
export class ProblemError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
  }
}

export function csrfToken(): string {
  return /(?:^|; )csrftoken=([^;]+)/.exec(document.cookie)?.[1] ?? "";
}

/** The JSON answer of an address of this deployment. Throws ProblemError. */
export async function request<Answer>(path: string, options: RequestInit = {}): Promise<Answer> {
  const headers = new Headers(options.headers);
  headers.set("Accept", "application/json");
  if (options.method && options.method !== "GET") headers.set("X-CSRFToken", csrfToken());
  const response = await fetch(path, { ...options, headers }).catch(() => null);
  if (response === null) throw new ProblemError(UNREACHABLE);
  const text = await response.text();
  if (!response.ok) throw new ProblemError(problemOf(response.status, text));
  return (text ? JSON.parse(text) : null) as Answer;
}

export const UNREACHABLE: Problem = {
  title: "No answer",
  status: 0,
  detail: "The server can't be reached. Check the connection, then try again.",
  errors: [],
};

/** Whatever the server answered with an error, as a problem. */
export function problemOf(status: number, text: string): Problem {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === "object" && body !== null && "detail" in body) return body as Problem;
  } catch {
    // A proxy's page, say: told below.
  }
  return { title: "Error", status, detail: `The server answered with status ${status}.`, errors: [] };
}
