"""What customers say for each of some forty intents: one block an intent, one utterance a line, with slots.

Only data. Slots: {device} {part} {order} {n} {day} {month} {town} {name} {food} {room} {time} {colour} {clothes}.
Utterances avoid the words of their own label now and then, so that reading the meaning pays.
"""

from __future__ import annotations

_TEXT = """
# track_order
Where is my order {order}?
My {device} has not come yet. When will it arrive?
I ordered {a_device} on {day}. Where is it now?
Can I see how far my parcel is?
The parcel with number {order} is late.
When will my {device} be here?
Has order {order} left your shop yet?
I am still waiting for my {clothes}.
Please tell me where my delivery is.
Is my package on its way to {town}?
It has been {n} days and nothing has arrived.
Do you know on which day my {device} will come?
# cancel_order
I do not want the {device} any more. Please stop my order.
Please cancel order {order}.
Can I still call off my order from {day}?
I ordered the wrong {clothes}. Do not send it.
Stop order {order}, I changed my mind.
I would like to cancel what I bought this morning.
Please do not send the {device}. I no longer need it.
How do I cancel an order?
I bought the {device} by mistake. Can you undo it?
Forget my order {order}, please.
I want to take back my order before it is sent.
Cancel the {colour} {device}, please.
# return_item
I want to send the {device} back.
The {clothes} does not fit. How can I return it?
Can I bring back {a_device} that I bought on {day}?
How do I return my {device}?
The {colour} {clothes} is too small, so I want to send it back.
Where do I send things that I do not want to keep?
I need a return label for order {order}.
May I give the {device} back within {n} days?
I do not like the {clothes}. I would like to return it.
Please tell me how to post the {device} back to you.
My sister gave me {a_device}, and I want to bring it back to the shop.
Is it possible to return a {colour} {clothes}?
# request_refund
I want my money back for the {device}.
When do I get my money for order {order}?
Please refund my {device}.
You still owe me {money} coins for the {clothes}.
I sent the {device} back on {day}, but I have no money yet.
How do I get a refund?
Please pay me back the {money} coins.
I paid twice. Please give me one payment back.
Has my refund been sent?
The {device} never came, so I want my money back.
I would like to be paid back for order {order}.
Can I have the money for the broken {device}?
# report_broken
My {device} does not work.
The {part} of my {device} is broken.
My {device} stopped after {n} days.
The {device} arrived with a cracked {part}.
There is smoke coming from my {device}.
The {part} fell off my new {device}.
My {device} will not turn on any more.
The {device} makes a strange noise and then stops.
Since {day} the {part} of the {device} has been damaged.
I opened the box and the {device} was in pieces.
My {device} is dead. I pressed the {part} and nothing happened.
Something is wrong with the {part} on this {device}.
# ask_price
How much is the {device}?
What does the {colour} {clothes} cost?
What is the price of {a_device}?
How many coins is this {device}?
Is the {device} expensive?
Tell me the price of the {clothes}, please.
How much do I have to pay for {a_device}?
What do you charge for a new {part}?
Does the {device} cost more than {money} coins?
How much money do I need for the {colour} {clothes}?
I would like to know what {a_device} costs.
Can you give me the price for {n} {devices}?
# opening_hours
When do you open on {day}?
Are you open on {day}?
At what time does the shop close?
Is your shop in {town} open at {time}?
Until when can I come in today?
Do you open on {day} mornings?
What are your hours?
Is anybody in the shop at {time}?
When does the store in {town} shut?
Can I come by at {time} on {day}?
From when until when are you open?
Are you closed in {month}?
# change_address
I have moved to {town}. Please change my address.
Please send my parcel to another street.
My new home is in {town}.
I no longer live in {town}. What do I do?
Can you put a new address on order {order}?
The address in my account is wrong.
Deliver the {device} to {town}, not to my old house.
We are moving in {month}, so our address will change.
How do I update where my parcels go?
Please change the street on my order.
You have my old address in {town}.
I want my {clothes} sent to my office in {town}.
# reset_password
I forgot my password.
I cannot log in because I lost my password.
How do I get a new password?
Please reset my password.
My password does not work any more.
The site says that my password is wrong.
I want to change my password.
Send me a link for a new password, please.
I need another password for my account.
What do I do if I do not know my password?
My old password was stolen. I need a new one.
I typed my password {n} times, and it was wrong each time.
# talk_to_human
I want to talk to a person.
Can I speak with somebody?
Please give me a real human.
I do not want to write to a machine.
Connect me to one of your people, please.
Is there anybody I can call?
Let me speak to {name} from your team.
A human, please!
I would rather talk to someone who works there.
Can a real person help me with my {device}?
Please pass me on to an agent.
May I speak to the manager?
# check_warranty
Is my {device} still under warranty?
How long is the warranty on {a_device}?
Does the warranty cover the {part}?
I bought the {device} in {month}. Is it still covered?
What does the guarantee for my {device} include?
When does my warranty end?
Is a broken {part} covered by the guarantee?
Do I get a guarantee with the {device}?
For how many years do you guarantee the {device}?
Will the warranty pay for a new {part}?
Please check the warranty for order {order}.
Do I have to pay for the repair, or is it under warranty?
# ask_stock
Do you have the {device} in {colour}?
Is the {clothes} in stock?
Do you still have {devices}?
When will you get more {devices}?
Is the {colour} {clothes} sold out?
Have you got any {devices} left?
Can I still buy the {device} in {town}?
How many {devices} are left?
Do you sell a {colour} {device}?
Is there {a_device} in your shop in {town}?
The site says that the {device} is gone. When is it back?
Are {devices} available again?
# give_thanks
Thank you so much for the {device}!
Thanks, {name}, you helped me a lot.
That was very kind of you.
I want to say thank you.
Many thanks for the quick answer.
Thanks a lot for your help with my {device}.
Great, thank you!
I am so grateful for your help.
You are the best. Thank you!
Please thank {name} for me.
Thanks for fixing the {part}.
Thank you, now everything works.
# make_complaint
I am very angry about your service.
Your driver was rude to me on {day}.
I have waited {n} weeks and nobody answers. This is a scandal.
I want to complain about the shop in {town}.
Your service is terrible.
This is the worst shop I know.
{name} from your shop shouted at me.
I am not happy at all with the way you treat me.
I wish to make a complaint.
Nobody in your shop cares about customers.
How can you be so slow and so rude?
I have never been treated so badly.
# book_table
I would like a table for {n} at {time}.
Do you have a table free on {day}?
Please keep a table by the window for us.
We are {n} people and want to eat at {time}.
Can I book a table for {day}?
Is there room for {n} people this evening?
A table for {n} in the name of {name}, please.
Can we sit outside on {day} at {time}?
I want to reserve a place for dinner.
Do I need to book for lunch on {day}?
Please reserve seats for {n} guests for dinner.
My name is {name}. I need a table for {n}.
# order_food
I would like {a_food}, please.
Can I have {n} {foods} and a glass of water?
One {food} to take away, please.
I am hungry. Bring me {a_food}.
We take {n} {foods}.
Please send {a_food} to my house.
For me {a_food} without onions, please.
Can I get {a_food} with extra cheese?
I want {a_food} and a cup of tea.
My friend takes the soup, and I take {a_food}.
Please add {a_food} to our meal.
Two {foods} and one salad, please.
# book_room
I need a room for {n} nights.
Do you have a free room in {month}?
Please book a double room for {name}.
Is there a room with a view of the sea?
I want to stay from {day} for {n} nights.
Can I get a single room for this weekend?
We need beds for {n} people in {month}.
Have you got a quiet room for tonight?
I would like to reserve a room at your hotel.
How can I book a room in your hotel in {town}?
A room with breakfast for {n} nights, please.
We want to sleep at your hotel on {day}.
# buy_ticket
A ticket to {town}, please.
I need {n} tickets for the train to {town}.
Can I get a return ticket to {town}?
I want to buy a bus ticket.
Two tickets for the film at {time}, please.
Where can I buy a ticket to {town}?
One child and {n} adults to {town}, please.
I need a seat on the train on {day}.
Please sell me a ticket for the ferry.
I would like {n} tickets for the museum.
Can I get tickets for the concert in {town}?
A single to {town} for {day}, please.
# ask_departure
When does the next train to {town} leave?
At what time does the bus go?
Is there a train to {town} at {time}?
When is the last bus to {town}?
What time is the ferry on {day}?
How often does the bus to {town} run?
Does the train to {town} leave on time?
When can I travel to {town} on {day}?
What is the first train in the morning?
Is the bus at {time} running today?
When do we leave for {town}?
From which minute on can I board the train to {town}?
# lost_item
I left my {clothes} on the train.
I lost my bag on {day}.
Have you found a {colour} {clothes}?
My suitcase is gone.
I forgot my umbrella in your shop.
Did anybody find a {colour} wallet?
I think I dropped my keys in the {room}.
My {clothes} must still be in your bus.
I cannot find my phone. Perhaps I left it with you.
Where is your lost and found office?
I left a {colour} bag under my seat.
My child lost a {clothes} in your shop in {town}.
# set_alarm
Wake me at {time}.
Set an alarm for {time}.
I need to get up at {time} on {day}.
Please wake me tomorrow morning.
Ring at {time}, please.
Do not let me sleep longer than {time}.
Make an alarm for {day} at {time}.
I want the alarm at {time} every day.
Can you wake us at {time}?
I must be up by {time}.
Put my alarm on {time}.
Let it ring at {time} so that I wake up.
# set_reminder
Remind me to call {name} on {day}.
Do not let me forget the milk.
Please remind me of the meeting at {time}.
Remind me to water the plants.
I must not forget to pay the bill on {day}.
Tell me on {day} that I have to visit {name}.
Give me a reminder about the dentist.
At {time} remind me to take the cake out of the oven.
Make a note to remind me of {name}'s birthday in {month}.
Can you remind me to buy {a_food}?
Remind us to pack the {clothes}.
Please think of my appointment on {day} and tell me.
# turn_on_light
Make it bright in the {room}.
Turn on the light in the {room}.
It is too dark in the {room}.
Switch the {room} lamp on, please.
Lights on!
I cannot see anything in the {room}.
Can you put the light on?
Please light up the {room}.
I need some light in the {room}.
Let there be light in the {room}.
Put the lamp in the {room} on.
Please turn the lights on in the {room}.
# turn_off_light
Turn off the light in the {room}.
Make it dark in the {room}.
Lights out, please!
Switch the {room} lamp off.
It is too bright in the {room}.
We are leaving the {room}, so no more light is needed.
Can you put the light out?
Put out the lamp in the {room}.
I want to sleep. Turn the light off.
No light in the {room}, please.
Please turn the lights off.
Nobody is in the {room}. Switch off the lamp.
# ask_weather
Will it rain on {day}?
What is the weather like in {town}?
Do I need an umbrella today?
Is it cold in {town}?
Will the sun shine tomorrow?
How warm will it get on {day}?
Is it snowing in {town}?
Should I wear a coat today?
What will the weather be on {day}?
Is there a storm coming to {town}?
How is the weather in {town} in {month}?
Will it be windy this evening?
# ask_time
What time is it?
How late is it?
Can you tell me the time?
Is it {time} yet?
Do you have the time, please?
What does the clock say?
I have no watch. What time do we have?
Tell me the time in {town}.
Please say what time it is now.
Is it already after {time}?
What hour is it?
How late is it in {town} now?
# play_music
Play some music.
I want to hear a song.
Put on the new song by {name}.
Play something quiet in the {room}.
Let me hear some piano music.
Can you play my favourite song?
Music, please!
I would like to listen to some jazz.
Play the radio in the {room}.
Put on something to dance to.
Play a happy song for {name}.
Let us listen to music while we cook.
# stop_music
Stop the music.
Turn the song off.
Please be quiet and play no more songs.
I do not want to hear music now.
End the song, please.
The music in the {room} should stop.
No more music!
Switch off the song in the {room}.
Stop playing.
Silence the radio in the {room}, please.
I have heard enough songs for today.
{name} is asleep, so stop the music.
# add_to_list
Put {foods} on the shopping list.
Add {a_food} to my list.
We need {n} {foods} from the shop. Write it down.
Write milk on the list.
Please note {foods} for the shopping.
The bread is gone. Put it on the list.
I have to buy {a_food}. Add it, please.
Can you write {foods} on our shopping list?
Add {n} {foods} to the list.
Put soap and {foods} on the list.
My list should also have {a_food}.
Note that we need {foods}.
# call_contact
Call {name}.
Phone my mother, please.
I want to talk to {name} on the phone.
Ring {name} for me.
Can you call the doctor?
Get {name} on the line.
Please call the school in {town}.
Dial the number of {name}.
Make a call to my brother.
Start a phone call with {name}.
I need to phone {name} now.
Call my office, please.
# send_message
Write to {name} that I am late.
Send {name} a message.
Text my sister that I will come at {time}.
Tell {name} in a message that dinner is ready.
Please message {name}.
Send a note to {name} about {day}.
Write a text to my father.
Let {name} know by text that the train is late.
Send my friend a message that says hello.
Text {name} that I am in {town}.
Can you write a message to {name}?
Send this to {name}: see you on {day}.
# ask_directions
How do I get to the station?
Where is the post office?
Which way is it to {town}?
Can you tell me the way to the museum?
I am lost. How do I get to the hotel?
How far is it from here to {town}?
Is the library on the left or on the right?
Show me the way to the park.
Which road goes to {town}?
How can I walk to the market from here?
Is the bank near here?
Where do I have to turn to get to the church?
# translate_word
How do you say {food} in French?
What is the Spanish word for {food}?
Translate {clothes} into German.
What does this word mean in English?
Please translate this sentence into Italian.
How do I say good morning in Spanish?
What is {colour} in French?
Tell me the German word for {clothes}.
I need the Italian word for {food}.
Can you translate a letter for me?
Which word do the French use for {food}?
Please put this text into English.
# tell_joke
Tell me a joke.
Make me laugh.
Do you know something funny?
I need a good laugh.
Say something funny about {a_food}.
Can you tell a joke about {a_device}?
Cheer me up with a joke.
Another joke, please!
I want to hear a funny one.
Do you know any jokes?
Give me your best joke.
Tell {name} something to laugh about.
# say_hello
Hello!
Hi there!
Good morning!
Good evening, {name}.
Hey, how are you?
Hello, my name is {name}.
Hi, it is me, {name}.
Good afternoon to you.
Hello everybody!
Greetings from {town}!
Hey {name}!
Hi, nice to meet you.
# say_goodbye
Goodbye!
Bye, {name}!
See you on {day}.
I have to go now. Bye!
Good night and sleep well.
Until tomorrow!
I am leaving. Take care!
See you later.
That was all. Goodbye.
Talk to you on {day}. Bye.
Have a nice evening, bye.
I am off to {town}. See you soon!
# use_voucher
I have a voucher. How do I use it?
Where do I type in my code?
My discount code does not work.
I got a gift card from {name}. Can I pay with it?
Is my coupon still good in {month}?
Can I use two vouchers for the {device}?
The site does not take my coupon.
How much is left on my gift card?
I have a code for {money} coins off.
Please take the voucher off the price of the {device}.
Until when can I use my voucher?
My voucher for the {clothes} shows an error.
# ask_invoice
Please send me the bill for the {device}.
I need an invoice for order {order}.
I cannot find my receipt.
Can I get the bill on paper?
My boss needs the invoice from {month}.
Where is the receipt for the {device}?
The invoice has the wrong name on it. It should be {name}.
Send me a copy of the bill, please.
I need a receipt for the {clothes} I bought.
There was no invoice in the parcel.
May I have the bill for {month}?
Please mail me the receipt for {money} coins.
# delete_account
Please delete my account.
I want to close my account with you.
Remove all my data.
I do not want to be your customer any more. Delete me.
How can I close my account?
Take my name {name} out of your system.
Erase my account and everything in it.
I want to leave. Please close my profile.
Delete all that you know about me.
I no longer need my account.
Can you remove my user account?
Shut down my account by {day}.
# install_help
How do I set up my new {device}?
How do I put the {part} on the {device}?
I need help to set up {a_device}.
Where does the {part} go?
I do not understand the manual of the {device}.
Which {part} do I put in first?
How can I connect the {device} with my phone?
My new {device} is here. What do I do first?
Please explain how to start the {device} for the first time.
How do I change the language of my {device}?
Can you help me to install the {device}?
How do I charge the {device} the first time?
"""


def _intents() -> dict[str, tuple[str, ...]]:
    """Return label -> utterance templates."""
    found: dict[str, list[str]] = {}
    label = ""
    for line in _TEXT.strip().splitlines():
        if line.startswith("# "):
            label = line[2:]
            found[label] = []
        else:
            found[label].append(line)
    return {name: tuple(lines) for name, lines in found.items()}


INTENTS = _intents()
