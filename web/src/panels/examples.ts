/** Which pictures excite a layer most is looked for once: one job answers for all its channels. */
import { type JobInfo, send } from "../api/client";

const jobs = new Map<string, Promise<string>>();

/** The number of the job that looks, or has looked, for a layer's most exciting pictures. */
export function examplesOf(network: string, address: string): Promise<string> {
  const key = `${network} ${address}`;
  let job = jobs.get(key);
  if (!job) {
    job = send<JobInfo>("POST", "examples", { network, address }).then((told) => told.id);
    job.catch(() => jobs.delete(key));
    jobs.set(key, job);
  }
  return job;
}
