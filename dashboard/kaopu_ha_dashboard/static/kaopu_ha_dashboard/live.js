/*
 *    Licensed under the Apache License, Version 2.0 (the "License"); you may
 *    not use this file except in compliance with the License. You may obtain
 *    a copy of the License at
 *
 *         http://www.apache.org/licenses/LICENSE-2.0
 *
 *    Unless required by applicable law or agreed to in writing, software
 *    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
 *    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
 *    License for the specific language governing permissions and limitations
 *    under the License.
 */

/* Asks Horizon for news of Kaopu HA, shows messages, and keeps the living part of a page fresh.
 *
 * Once a second at most it begins one question, and none while the tab is hidden: for news, which may
 * wait long for an answer, or for the part.  It runs where the sidebar has a panel of ours.
 */
(function () {
  'use strict';

  // News are waited for on the other side for 20 s.
  var SECOND = 1000, RETRY = 30, LONG = 600, LIMIT = 60;
  var base, cursor = null, failed = 0;
  // When what is shown was true.
  var fresh = now();
  // When each is to be asked for again: NEVER while an answer is waited for, or where there is none.
  var NEVER = Infinity, newsDue = 0, partDue = NEVER;
  // Something changed since the part was asked for last.
  var changed = false;

  function panel() {
    var link = document.querySelector('#sidebar a[href$="/admin/ha_hosts/"]') ||
      document.querySelector('#sidebar a[href$="/project/ha_instances/"]');
    return link ? link.getAttribute('href') : null;
  }

  function part() {
    return document.querySelector('[data-kaopu-ha-part]');
  }

  function seconds() {
    return Number(part().getAttribute('data-kaopu-ha-part'));
  }

  /* Nor sooner than this, whatever is new. */
  function least() {
    return Number(part().getAttribute('data-kaopu-ha-least'));
  }

  function now() {
    return Date.now();
  }

  function ask(url) {
    return window.fetch(url, {
      credentials: 'same-origin', headers: {'X-Requested-With': 'XMLHttpRequest'},
      // An older browser waits as long as it likes.
      signal: AbortSignal.timeout ? AbortSignal.timeout(LIMIT * SECOND) : undefined
    }).then(function (response) {
      if (!response.ok || response.redirected) {
        throw new Error(String(response.status));
      }
      failed = 0;
      return response;
    });
  }

  function later(seconds) {
    return now() + Math.max(seconds, 1) * SECOND;
  }

  function askNews() {
    newsDue = NEVER;
    ask(base + 'news/' + (cursor === null ? '' : '?since=' + cursor)).then(function (response) {
      return response.json();
    }).then(function (found) {
      cursor = found.cursor === undefined ? null : found.cursor;
      found.messages.forEach(function (message) {
        horizon.alert(message[0], message[1], 'safe').attr('role', 'alert');
      });
      newsDue = later(found.again);
      changed = changed || found.changed;
      if (changed && partDue !== NEVER) {
        partDue = Math.min(partDue, later(least()));
      }
    }).catch(function () {
      failed += 1;
      newsDue = later(Math.min(RETRY * failed, LONG));
    });
  }

  function askPart() {
    var url = new URL(window.location.href);
    partDue = NEVER;
    url.searchParams.set('part', '1');
    ask(url.toString()).then(function (response) {
      return response.text();
    }).then(function (text) {
      var found = new DOMParser().parseFromString(text, 'text/html').querySelector('[data-kaopu-ha-part]');
      if (found && !isInUse()) {
        exchange(document.importNode(found, true));
      }
      fresh = now();
      tell(false);
      partDue = later(changed ? least() : seconds());
    }).catch(function () {
      failed += 1;
      tell(true);
      partDue = later(Math.min(RETRY * failed, LONG));
    });
  }

  /* Whether what is shown is old, and from when: green lights that nobody keeps up say nothing. */
  function tell(old) {
    var note = document.querySelector('.kaopu-ha-stale');
    note.querySelector('time').textContent = new Date(fresh).toLocaleTimeString();
    note.hidden = !old;
  }

  /* Somebody who has a menu or a dialog open is not disturbed. */
  function isInUse() {
    return Boolean(document.querySelector('.modal.in, .kaopu-ha .open'));
  }

  /* Put the fresh part in the place of the old one; the focus and the scrolling stay where they were. */
  function exchange(fresh) {
    var old = part(), focused = old.contains(document.activeElement) ? document.activeElement : null;
    var places = Array.prototype.map.call(old.querySelectorAll('.kaopu-ha-scroll'), function (each) {
      return each.scrollLeft;
    });
    var mark = focused && where(old, focused);
    old.parentNode.replaceChild(fresh, old);
    Array.prototype.forEach.call(fresh.querySelectorAll('.kaopu-ha-scroll'), function (each, place) {
      each.scrollLeft = places[place] || 0;
    });
    if (mark) {
      var again = find(fresh, mark);
      if (again) {
        again.focus({preventScroll: true});
      }
    }
  }

  function where(root, element) {
    var same = root.querySelectorAll(element.tagName);
    return {id: element.id, tag: element.tagName, place: Array.prototype.indexOf.call(same, element)};
  }

  function find(root, mark) {
    return (mark.id && root.querySelector('#' + window.CSS.escape(mark.id))) ||
      root.querySelectorAll(mark.tag)[mark.place];
  }

  /* Between two questions the seconds that a host has waited go on. */
  function moveBars() {
    Array.prototype.forEach.call(document.querySelectorAll('[data-kaopu-ha-waits]'), function (bar) {
      var waits = Number(bar.getAttribute('data-kaopu-ha-waits'));
      var waited = Math.min(Number(bar.getAttribute('data-kaopu-ha-waited')) + 1, waits);
      var percent = Math.round(100 * waited / waits);
      bar.setAttribute('data-kaopu-ha-waited', waited);
      bar.setAttribute('aria-valuenow', percent);
      bar.firstElementChild.style.width = percent + '%';
    });
  }

  function beat() {
    if (document.hidden) {
      return;
    }
    moveBars();
    if (now() >= partDue && partDue <= newsDue) {
      askPart();
    } else if (now() >= newsDue) {
      askNews();
    }
  }

  horizon.addInitFunction(function () {
    base = panel();
    if (!base) {
      return;
    }
    if (part()) {
      partDue = later(seconds());
    }
    window.setInterval(beat, SECOND);
    document.addEventListener('visibilitychange', function () {
      newsDue = newsDue === NEVER ? NEVER : Math.min(newsDue, now());
    });
    beat();
  });
}());
