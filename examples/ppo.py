"""Proximal policy optimization (Schulman et al. 2017) balances poles, several at a time: `pip install gymnasium`."""

import argparse

import gymnasium
import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical


def network(inputs, hidden, outputs, scale):
    layers = [nn.Linear(inputs, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(), nn.Linear(hidden, outputs)]
    for layer in layers[::2]:
        nn.init.orthogonal_(layer.weight, scale if layer is layers[-1] else 2**0.5)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)


class Agent(nn.Module):
    def __init__(self, observations, actions, hidden):
        super().__init__()
        self.actor = network(observations, hidden, actions, 0.01)
        self.critic = network(observations, hidden, 1, 1.0)

    def policy(self, observations):
        return Categorical(logits=self.actor(observations))

    def value(self, observations):
        return self.critic(observations).squeeze(-1)


class Players:
    """Several environments, each begun anew when its episode is over."""

    def __init__(self, name, count, seed):
        self.environments = [gymnasium.make(name) for _ in range(count)]
        self.observations = np.stack([each.reset(seed=seed + i)[0] for i, each in enumerate(self.environments)])
        self.rewards, self.finished = np.zeros(count), []

    def step(self, actions):
        """The rewards, and whether the episodes are over."""
        rewards, over = np.zeros(len(actions), np.float32), np.zeros(len(actions), np.float32)
        for i, (each, action) in enumerate(zip(self.environments, actions, strict=True)):
            self.observations[i], rewards[i], terminated, truncated, _ = each.step(action)
            self.rewards[i] += rewards[i]
            if terminated or truncated:
                self.finished.append(self.rewards[i])
                self.observations[i], _ = each.reset()
                self.rewards[i], over[i] = 0.0, 1.0
        return torch.from_numpy(rewards), torch.from_numpy(over)


@torch.no_grad()
def collect(players, agent, length, discount, decay):
    """What was observed and done in `length` steps, with advantages and returns (generalized advantage estimation)."""
    count = len(players.environments)
    observations = torch.zeros(length, count, players.observations.shape[1])
    actions = torch.zeros(length, count, dtype=torch.int64)
    log_probabilities, rewards, over = torch.zeros(3, length, count)
    for time in range(length):
        observations[time] = torch.from_numpy(players.observations)
        policy = agent.policy(observations[time])
        actions[time] = policy.sample()
        log_probabilities[time] = policy.log_prob(actions[time])
        rewards[time], over[time] = players.step(actions[time].tolist())
    values = agent.value(observations)
    following = agent.value(torch.from_numpy(players.observations))
    advantages, advantage = torch.zeros(length, count), torch.zeros(count)
    for time in reversed(range(length)):
        going_on = 1.0 - over[time]
        error = rewards[time] + discount * following * going_on - values[time]
        advantage = error + discount * decay * going_on * advantage
        advantages[time], following = advantage, values[time]
    batch = (observations, actions, log_probabilities, advantages, advantages + values)
    return [part.flatten(0, 1) for part in batch]


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--environment", default="CartPole-v1", help="one with a vector to observe and discrete actions"
    )
    parser.add_argument("--players", type=int, default=4, help="environments that are played side by side")
    parser.add_argument("--length", type=int, default=128, help="steps of each between two rounds of learning")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--steps", type=int, help="stop after so many steps of the optimizer")
    parser.add_argument("--epochs", type=int, default=4, help="how often a round's steps are learnt from")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--discount", type=float, default=0.99)
    parser.add_argument("--decay", type=float, default=0.95, help="lambda of the advantages")
    parser.add_argument("--clip", type=float, default=0.2)
    parser.add_argument("--entropy", type=float, default=0.01)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", default="ppo.pt")
    args = parser.parse_args(arguments)

    torch.manual_seed(args.seed)
    players = Players(args.environment, args.players, args.seed)
    actions = int(players.environments[0].action_space.n)
    agent = Agent(players.observations.shape[1], actions, args.hidden)
    optimizer = torch.optim.Adam(agent.parameters(), lr=args.lr, eps=1e-5)
    losses = []
    for number in range(1, args.rounds + 1):
        batch = collect(players, agent, args.length, args.discount, args.decay)
        for _ in range(args.epochs):
            for chosen in torch.randperm(len(batch[0])).split(args.batch_size):
                if len(losses) == args.steps:
                    break
                observation, action, old, advantage, target = (part[chosen] for part in batch)
                policy = agent.policy(observation)
                ratio = (policy.log_prob(action) - old).exp()
                advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
                clipped = ratio.clamp(1 - args.clip, 1 + args.clip)
                policy_loss = -torch.min(ratio * advantage, clipped * advantage).mean()
                value_loss = 0.5 * (agent.value(observation) - target).square().mean()
                loss = policy_loss + 0.5 * value_loss - args.entropy * policy.entropy().mean()
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
                optimizer.step()
                losses.append(loss.item())
        recent = players.finished[-20:]
        if recent and (number % 5 == 0 or number == args.rounds):
            print(f"round {number}  loss {losses[-1]:.4f}  reward {sum(recent) / len(recent):.1f}")
        if len(losses) == args.steps:
            break
    torch.save(agent.state_dict(), args.save)
    return losses


if __name__ == "__main__":
    main()
