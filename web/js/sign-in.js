// The sign-in form. It works without this script as well; with it, a wrong token is told on the page itself.

const form = document.querySelector('form');
const field = document.querySelector('#token');
const trouble = document.querySelector('#trouble');
const button = form.querySelector('button');

/** Where to go afterwards: only a path on this server, never an address that a link smuggled in. */
function next() {
  const asked = new URLSearchParams(location.search).get('next') ?? '/';
  if (!URL.canParse(asked, location.origin)) return '/';
  const url = new URL(asked, location.origin);
  return url.origin === location.origin && url.pathname !== '/sign-in' ? url.pathname + url.search : '/';
}

const TROUBLES = {
  wrong: 'This token is not valid. Check that it was copied in full.',
  'too-many': 'Too many wrong tokens came from this address. Wait a minute and try again.',
};

function say(text) {
  trouble.textContent = text;
  trouble.hidden = false;
  field.setAttribute('aria-invalid', 'true');
  field.focus();
}

/** What the server's answer says went wrong: it leads back to this page with a word, or has a status. Null is a yes. */
function refusal(answer) {
  const url = new URL(answer.url, location.href);
  if (answer.redirected && url.pathname === '/sign-in') return url.searchParams.get('error') ?? 'wrong';
  if (answer.status === 401 || answer.status === 403) return 'wrong';
  if (answer.status === 429) return 'too-many';
  return answer.ok ? null : `status ${answer.status}`;
}

function tell(error) {
  say(TROUBLES[error] ?? `The server could not do that (${error}). Try again in a moment.`);
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const token = field.value.trim();
  if (!token) {
    say('Enter the token that the server printed when it first started.');
    return;
  }
  button.disabled = true;
  try {
    const answer = await fetch('/sign-in', { method: 'POST', body: new URLSearchParams({ token }) });
    const error = refusal(answer);
    if (error === null) location.replace(next());
    else tell(error);
  } catch {
    say('The server cannot be reached.');
  }
  button.disabled = false;
});

// A sign-in link with an old token leads here as well.
const error = new URLSearchParams(location.search).get('error');
if (error) tell(error in TROUBLES ? error : 'wrong');
