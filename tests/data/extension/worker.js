// A polling worker in a browser: takes clips and chats, brings one of each, and reports an error when asked to.
// config.json and clip.mp4 are put beside it by the test.

const PAUSE = 200;

async function json(name) {
  return (await fetch(chrome.runtime.getURL(name))).json();
}

function headers(config, more) {
  return config.key ? { Authorization: `Bearer ${config.key}`, ...more } : { ...more };
}

async function post(config, path, body) {
  const form = body instanceof FormData;
  const reply = await fetch(config.server + path, {
    method: "POST",
    headers: headers(config, form ? {} : { "Content-Type": "application/json" }),
    body: form ? body : JSON.stringify(body),
  });
  if (!reply.ok) console.error(path, reply.status, await reply.text());
}

async function clip(config, job) {
  const bytes = await (await fetch(chrome.runtime.getURL("clip.mp4"))).blob();
  const form = new FormData();
  form.append("job_id", job.job_id);
  if (config.claims) form.append("claim", job.claim);
  form.append("video", new File([bytes], "clip.mp4", { type: "video/mp4" }));
  await post(config, "/extension/complete", form);
}

async function work(config, job) {
  const claim = config.claims ? { claim: job.claim } : {};
  if (job.prompt.includes("impossible")) {
    await post(config, "/extension/error", { job_id: job.job_id, error: "Grok has no tab open", ...claim });
  } else if (job.job_type === "video") {
    await clip(config, job);
  } else {
    const last = job.request.messages.at(-1).content;
    await post(config, "/extension/complete/chat", { job_id: job.job_id, content: `${navigator.userAgent} read: ${last}`, ...claim });
  }
}

async function poll(config, mode) {
  const reply = await fetch(`${config.server}/extension/poll?mode=${mode}`, { headers: headers(config) });
  if (reply.status === 200) await work(config, await reply.json());
}

async function main() {
  const config = await json("config.json");
  for (;;) {
    for (const mode of ["video", "chat"]) {
      try {
        await poll(config, mode);
      } catch (error) {
        console.error(mode, String(error));
      }
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

main();
