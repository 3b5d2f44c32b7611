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
 * One question at a time, and a second at least from the beginning of one to that of the next; none
 * while the tab is hidden.  It runs where the sidebar has a panel of ours.
 */
(function () {
  'use strict';

  var SECOND = 1000, RETRY = 30;
  var base, cursor = null, newsDue = 0, partDue = null, asking = false, failed = 0;

  function panel() {
    var link = document.querySelector('a[href$="/admin/ha_hosts/"], a[href$="/project/ha_instances/"]');
    return link ? link.getAttribute('href') : null;
  }

  function part() {
    return document.querySelector('[data-kaopu-ha-part]');
  }

  function now() {
    return Date.now();
  }

  function ask(url) {
    asking = true;
    return window.fetch(url, {
      credentials: 'same-origin', headers: {'X-Requested-With': 'XMLHttpRequest'}
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
    ask(base + 'news/' + (cursor === null ? '' : '?since=' + cursor)).then(function (response) {
      return response.json();
    }).then(function (found) {
      cursor = found.cursor === undefined ? null : found.cursor;
      found.messages.forEach(function (message) {
        horizon.alert(message[0], message[1], 'safe').attr('role', 'alert');
      });
      newsDue = later(found.again);
      if (found.changed && partDue !== null) {
        partDue = Math.min(partDue, later(1));
      }
    }).catch(function () {
      failed += 1;
      newsDue = later(Math.min(RETRY * failed, 600));
    }).then(done);
  }

  function askPart() {
    var url = new URL(window.location.href);
    url.searchParams.set('part', '1');
    ask(url.toString()).then(function (response) {
      return response.text();
    }).then(function (text) {
      var fresh = new DOMParser().parseFromString(text, 'text/html').querySelector('[data-kaopu-ha-part]');
      if (fresh && !isInUse()) {
        exchange(document.importNode(fresh, true));
      }
      partDue = later(Number(part().getAttribute('data-kaopu-ha-part')));
    }).catch(function () {
      failed += 1;
      partDue = later(Math.min(RETRY * failed, 600));
    }).then(done);
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

  function done() {
    asking = false;
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
    if (asking) {
      return;
    }
    if (partDue !== null && now() >= partDue) {
      askPart();
    } else if (now() >= newsDue) {
      askNews();
    }
  }

  horizon.addInitFunction(function () {
    base = panel();
    if (!base || base.indexOf('ha_') < 0) {
      return;
    }
    if (part()) {
      partDue = later(Number(part().getAttribute('data-kaopu-ha-part')));
    }
    window.setInterval(beat, SECOND);
    document.addEventListener('visibilitychange', function () {
      newsDue = Math.min(newsDue, now());
    });
    beat();
  });
}());
