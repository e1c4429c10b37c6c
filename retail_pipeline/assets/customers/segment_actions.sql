/*
row: one of the ten segments and what to do next about its customers
about: >
  Rules of thumb of the trade, to start from; customers.segment_outcomes says what each segment's customers do if nothing is
  changed. 'retail export --segment NAME' writes the list of customers to act on.
key: [segment]
columns:
  segment: the segment
  priority: 1 for the segment to turn to first, up to 10
  action: what to do next
  why: what speaks for it
  channel: by what means
*/
select
    cast(segment as varchar) as segment,
    cast(priority as integer) as priority,
    cast(action as varchar) as action,
    cast(why as varchar) as why,
    cast(channel as varchar) as channel
from (
    values
        ('Champions', 'Thank them and ask for reviews and referrals; show what is new to them first.', 'They buy often and bought just now: a discount would give away money.', 'personal e-mail, early access', 5),
        ('Loyal', 'Offer a loyalty reward, and what goes with what they buy.', 'They come back by themselves; a larger basket is easier to win than another visit.', 'e-mail, loyalty programme', 6),
        ('Potential Loyalists', 'Give a reason for the next order soon: membership, or free delivery from a basket size on.', 'A few orders, the last one recent: habits are made now.', 'e-mail, membership offer', 4),
        ('New', 'Welcome them, help with the first order and suggest a second within their usual gap.', 'Most first-time buyers never come again; the second order is what counts.', 'welcome series by e-mail', 3),
        ('Promising', 'Remind them once, with best sellers of what they bought.', 'One order, not long ago: interest is there, but no habit.', 'e-mail, on-site suggestions', 7),
        ('Need Attention', 'Make an offer for a limited time, on what they bought before.', 'Middling in recency and frequency: they may go either way.', 'e-mail with a limited offer', 8),
        ('About To Sleep', 'Send what is popular and new, with a small incentive.', 'Few orders, and the last is a while ago.', 'e-mail, retargeting', 9),
        ('Cannot Lose', 'Ring or write to them personally, ask what went wrong and win them back.', 'They bought more often than almost anyone and have stopped: the most value at stake for each.', 'telephone or personal letter', 1),
        ('At Risk', 'Send a personal reminder with an incentive to come back, before they are gone.', 'They bought regularly and have not for long.', 'personal e-mail, post', 2),
        ('Hibernating', 'Keep on the general newsletter; spend nothing more on them.', 'Few orders, long ago: most do not come back, whatever is sent.', 'newsletter', 10)
) as actions (segment, action, why, channel, priority)
